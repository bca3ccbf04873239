import HWModels
import Programs
import Results

extension TextReport {
  /// Nodes and FIFOs of a streaming run: who is busy, and how full each FIFO was.
  static func dataflow(_ result: SimulationResult, _ style: TextStyle) -> [String] {
    guard let dataflow = result.dataflow else { return [] }
    if let pipeline = dataflow.pipeline {
      return stages(pipeline, result, style) + budget(dataflow, style)
        + ["", style.bold("Nodes (\(dataflow.graph), one image in one layer)")] + nodes(dataflow, style) + [
          ""
        ]
        + fifos(dataflow, style)
    }
    let copies = dataflow.copies == 1 ? "one copy" : "\(dataflow.copies) copies side by side"
    let heads = dataflow.headsPerCopy == 1 ? "one head" : "\(dataflow.headsPerCopy) heads"
    return [style.bold("Nodes (\(copies) of the graph, \(heads) each at most)")] + nodes(dataflow, style) + [
      ""
    ]
      + fifos(dataflow, style)
  }

  /// Cycles of each kernel, which stage sets the pace, and what one image takes alone.
  private static func stages(
    _ pipeline: DataflowResult.Pipeline, _ result: SimulationResult, _ style: TextStyle
  ) -> [String] {
    var table = TextTable([.left, .right, .left])
    let slowest = pipeline.stages.map(\.cycles).max() ?? 0
    for (index, stage) in pipeline.stages.enumerated() {
      for kernel in stage.kernels {
        table.add(
          kernel.name, NumberText.grouped(Double(kernel.cycles)),
          pipeline.stages.count == 1
            ? ""
            : "stage \(index + 1): \(NumberText.grouped(Double(stage.cycles)))"
              + (stage.cycles == slowest ? ", sets the pace" : ""))
      }
    }
    let clock = result.clock.frequency.value
    var lines = [style.bold("Kernels (cycles from one image to the next, in one layer)")] + table.lines()
    let layers = pipeline.layers == 1 ? "" : " through \(pipeline.layers) layers"
    lines.append(
      "  one image alone takes \(NumberText.grouped(Double(pipeline.latencyCycles))) cycles\(layers), "
        + NumberText.time(Double(pipeline.latencyCycles) / clock))
    if let range = pipeline.clockRange {
      lines.append(
        "  the clock is assumed: an image takes \(NumberText.time(range.fastest)) to \(NumberText.time(range.slowest)) "
          + "at \(clockText(result.request.device.clock.maximum)) to \(clockText(result.request.device.clock.minimum))"
      )
    }
    return lines
  }

  private static func budget(_ dataflow: DataflowResult, _ style: TextStyle) -> [String] {
    guard let budget = dataflow.budget else { return [] }
    var table = TextTable([.left, .right, .right, .right])
    table.add("", "needed", "of", "")
    for line in budget.lines {
      let available = line.available ?? 0
      table.add(
        line.item, NumberText.grouped(Double(line.needed)), NumberText.grouped(Double(available)),
        available > 0 ? NumberText.percent(Double(line.needed) / Double(available)) : "")
    }
    return ["", style.bold("Resources (multipliers and memories of these kernels only)")] + table.lines()
  }

  private static func nodes(_ dataflow: DataflowResult, _ style: TextStyle) -> [String] {
    var nodes = TextTable([.left, .left, .right, .right, .left])
    for node in dataflow.nodes {
      nodes.add(
        node.name, node.pattern, NumberText.grouped(Double(node.firings)), NumberText.percent(node.use),
        TextLayout.bar(node.use, width: style.width - 56))
    }
    return nodes.lines()
  }

  private static func fifos(_ dataflow: DataflowResult, _ style: TextStyle) -> [String] {
    var fifos = TextTable([.left, .right, .right, .right, .left])
    fifos.add("", "depth", "most held", "bytes", "")
    for fifo in dataflow.fifos {
      fifos.add(
        fifo.name, fifo.depth.map { NumberText.grouped(Double($0)) } ?? "unbounded",
        fifo.peak.map { NumberText.grouped(Double($0)) } ?? "grows",
        fifo.depth.map { NumberText.prefixed(Double($0 * fifo.bytesPerElement), "B") } ?? "",
        "\(fifo.writer) to \(fifo.reader)")
    }
    return [style.bold("FIFOs")] + fifos.lines()
  }
}
