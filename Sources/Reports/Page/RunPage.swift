import Foundation
import HWModels
public import Programs
public import Results
public import Simulator

/// A run as a page of one file: answer, phases, roofline, program, timeline, and what made it.
public enum RunPage {
  /// - Parameters:
  ///   - program, trace, occupancy: shown where given; all follow from the run's request.
  ///   - attribution, elasticities: likewise.
  public static func html(
    _ record: RunRecord, program: Program? = nil, trace: [TraceEvent] = [],
    occupancy: DataflowTrace? = nil, attribution: Attribution? = nil,
    elasticities: [Elasticity] = []
  ) -> String {
    let result = record.result
    let request = result.request
    var page = HTMLPage(title: "\(request.schedule) on \(request.device.name)")
    page.heading("\(request.schedule) on \(request.device.name)", level: 1)
    page.paragraph(RequestText.shape(request.shape), style: "dim")
    page.facts(facts(result))
    page.heading("Where the time goes")
    page.figure(PhasesFigure.svg(result, embedded: true))
    page.heading("Roofline")
    page.figure(RooflineFigure.svg(result, embedded: true))
    if !trace.isEmpty {
      page.heading(occupancy == nil ? "First steps of a core" : "First firings")
      page.figure(TimelineFigure.svg(trace, embedded: true))
    }
    if let occupancy {
      page.heading("How full each FIFO is")
      page.figure(OccupancyFigure.svg(occupancy, title: occupancy.graph, embedded: true))
    }
    if let program { self.program(program, on: request.device, &page) }
    page.heading("In numbers")
    if let attribution {
      page.preformatted(ExplainReport.text(result, attribution: attribution, elasticities: elasticities))
    } else {
      page.preformatted(TextReport.render(result))
    }
    origin(record, &page)
    return page.text
  }

  private static func facts(_ result: SimulationResult) -> [(value: String, meaning: String)] {
    var facts = [
      (value: NumberText.time(result.time.value), meaning: "time of a call"),
      (value: NumberText.prefixed(result.usefulFlopsPerSecond, "FLOP/s"), meaning: "useful"),
      (
        value: TextReport.clockText(result.clock.frequency),
        meaning: "clock, held by \(limiterText(result.clock.limiter))"
      ),
      (value: TextReport.powerText(result), meaning: "mean power"),
      (value: TextReport.energyText(result), meaning: "energy of a call"),
    ]
    if let bound = result.tightestBound {
      let share = bound.time.value / result.kernelTime.value
      facts.append(
        (value: NumberText.percent(share, digits: 0), meaning: "of the \(bound.resource.name) bound"))
    }
    return facts
  }

  private static func limiterText(_ limiter: SimulationResult.ClockResult.Limiter) -> String {
    switch limiter {
    case .maximum: "its maximum"
    case .power: "the power limit"
    case .activity: "matrix activity"
    case .minimum: "its minimum"
    case .locked: "the user"
    }
  }

  private static func program(_ program: Program, on device: Device, _ page: inout HTMLPage) {
    page.heading("Program")
    do {
      let svg = try GraphvizRenderer.svg(ProgramGraph.dot(program))
      page.details("Graph: actors, operations in order, barriers from signaller to waiter") { inner in
        inner.figure(EmbeddedGraph.svg(svg))
      }
    } catch {
      page.paragraph("The graph could not be drawn: \(error)", style: "dim")
    }
    page.details("Text: buffers, barriers, operations, budget") { inner in
      inner.preformatted(ProgramDump.text(program, on: device))
    }
  }

  private static func origin(_ record: RunRecord, _ page: inout HTMLPage) {
    page.heading("How to make it again")
    let flags = RequestText.flags(record.result.request)
    page.preformatted(RequestText.command("run", flags, width: 96, indent: 0).joined(separator: "\n"))
    page.paragraph("attnsim \(record.toolVersion)", style: "dim")
    if let hash = record.deviceFileHash {
      page.paragraph("SHA-256 of the device file: \(hash)", style: "dim")
    }
    if case .scenario(let name, let text) = record.source {
      page.details("Scenario \(name)") { $0.preformatted(text) }
    }
  }
}

/// A picture of Graphviz made part of a page.
enum EmbeddedGraph {
  /// Without XML prologue; lines and labels that lie on the page take a colour that reads on light and dark.
  static func svg(_ text: String) -> String {
    guard let start = text.range(of: "<svg") else { return "" }
    return text[start.lowerBound...].replacingOccurrences(of: DotWriter.plainColour, with: "currentColor")
  }
}
