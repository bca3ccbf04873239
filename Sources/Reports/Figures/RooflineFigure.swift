import Foundation
import HWModels
public import Results

/// A hierarchical roofline: one ceiling for every unit and memory level, at the clock of the run.
///
/// - Memory levels are slopes (flops a second = intensity x bandwidth), the matrix unit a horizontal line, and each
///   other unit the horizontal line at which it alone would pace this kernel (its flops over that unit's least time).
/// - A call without matrix work is no point: only the bounds are listed.
/// - The kernel is a point at its own intensity under each memory level, all at the height of its speed; so every
///   gap on the picture is the ratio of predicted time to bound.
/// - Source: Williams, Waterman, Patterson 2009, "Roofline"; Yang et al. 2019, "Hierarchical Roofline Analysis".
public enum RooflineFigure {
  /// - Parameter embedded: for a page that has the style sheet already.
  public static func svg(_ result: SimulationResult, embedded: Bool = false) -> String {
    RooflineDrawing(result).svg(embedded: embedded)
  }
}

private struct RooflineDrawing {
  struct Ceiling {
    var bound: SimulationResult.Bound
    var colour: Int
    /// Flops of the kernel for each byte of this level, where it is a memory level.
    var intensity: Double?
    /// Flops a second that this ceiling allows.
    var speed: Double
    var name: String { bound.resource.name }
  }

  let result: SimulationResult
  let ceilings: [Ceiling]
  let speed: Double
  let x: LogScale
  let y: LogScale

  private static let (width, plotHeight) = (900.0, 400.0)
  private static let (left, top, right) = (64.0, 64.0, 150.0)

  init(_ result: SimulationResult) {
    self.result = result
    let flops = result.bounds.first { $0.unit == "flop/s" }?.amount ?? result.usefulFlops
    speed = flops / result.kernelTime.value
    let bounds = result.bounds.filter { $0.time.value > 0 && $0.ceiling > 0 && $0.amount > 0 }
      .sorted { $0.time > $1.time }
    ceilings = bounds.enumerated().map { place, bound in
      Ceiling(
        bound: bound, colour: bound.resource.rawValue,
        intensity: bound.unit == "B/s" ? flops / bound.amount : nil,
        speed: flops / bound.time.value)
    }
    let memory = ceilings.filter { $0.intensity != nil }
    let roof = ceilings.filter { $0.intensity == nil }.map(\.speed).max() ?? speed
    let roofTop = max(roof, speed)
    let matrix = ceilings.first { $0.bound.unit == "flop/s" }?.speed ?? roofTop
    let ridges = memory.map { matrix / $0.bound.ceiling }
    let points = memory.compactMap(\.intensity)
    guard speed > 0 else {
      (x, y) = (LogScale(1, 10, over: 0, 1), LogScale(1, 10, over: 0, 1))
      return
    }
    let lowX = (ridges + points).min() ?? 1
    let highX = (ridges + points).max() ?? 100
    x = LogScale(lowX / 5, highX * 6, over: Self.left, Self.width - Self.right)
    let lowest = min(speed, (ceilings.map(\.speed).min() ?? speed))
    y = LogScale(lowest / 6, roofTop * 2, over: Self.top + Self.plotHeight, Self.top)
  }

  /// Whether there is a speed to draw: a mask may leave no pair.
  private var hasMatrixWork: Bool { speed > 0 }

  func svg(embedded: Bool) -> String {
    let legendTop = Self.top + (hasMatrixWork ? Self.plotHeight + 62 : 44)
    let height = legendTop + 22 + 18 * Double(ceilings.count) + 12
    let name = "\(result.request.schedule) on \(result.request.device.name)"
    var svg = SVGWriter(width: Self.width, height: height, title: "Roofline of \(name)")
    svg.text(Self.left, 26, name, "ink head")
    svg.text(
      Self.left, 45,
      RequestText.shape(result.request.shape)
        + "; ceilings at \(TextReport.clockText(result.clock.frequency))", "dim")
    if hasMatrixWork {
      axes(&svg)
      slopes(&svg)
      horizontals(&svg)
      points(&svg)
    } else {
      svg.text(Self.left, Self.top + 12, "no matrix work, so no speed to draw: the bounds alone", "ink")
    }
    legend(&svg, top: legendTop)
    return svg.document(embedded: embedded)
  }

  private func axes(_ svg: inout SVGWriter) {
    let (bottom, rightEdge) = (Self.top + Self.plotHeight, Self.width - Self.right)
    for tick in x.ticks {
      svg.line(x(tick), Self.top, x(tick), bottom, "grid")
      svg.text(x(tick), bottom + 16, NumberText.significant(tick), "dim", anchor: .middle)
    }
    for tick in y.ticks {
      svg.line(Self.left, y(tick), rightEdge, y(tick), "grid")
      svg.text(Self.left - 6, y(tick) + 4, short(tick), "dim", anchor: .end)
    }
    svg.rectangle(Self.left, Self.top, rightEdge - Self.left, Self.plotHeight, "frame")
    svg.text(
      (Self.left + rightEdge) / 2, bottom + 36, "matrix flops for each byte of a memory level", "ink",
      anchor: .middle)
    svg.text(16, Self.top + Self.plotHeight / 2, "matrix FLOP/s", "ink", anchor: .middle, degrees: -90)
  }

  /// `100T`, `6.1P`: a power of a thousand in few characters.
  private func short(_ value: Double, digits: Int = 1) -> String {
    NumberText.prefixed(value, "", digits: digits).replacingOccurrences(of: " ", with: "")
  }

  private var matrixRoof: Double {
    let units = ceilings.filter { $0.intensity == nil }
    return units.first { $0.bound.unit == "flop/s" }?.speed ?? units.map(\.speed).max() ?? speed
  }

  private func slopes(_ svg: inout SVGWriter) {
    let angle = -atan2(y.pixelsPerDecade, x.pixelsPerDecade) * 180 / .pi
    let memory = ceilings.filter { $0.intensity != nil }.sorted { $0.bound.ceiling > $1.bound.ceiling }
    var above: (bandwidth: Double, labelEnd: Double)?
    for ceiling in memory {
      let bandwidth = ceiling.bound.ceiling
      let style = FigureStyle.stroke(ceiling.colour)
      let start = max(x.low, y.low / bandwidth)
      let end = min(x.high, matrixRoof / bandwidth)
      let top = min(x.high, y.high / bandwidth)
      guard start < end else { continue }
      svg.line(x(start), y(start * bandwidth), x(end), y(end * bandwidth), "thick " + style)
      if end < top { svg.line(x(end), y(end * bandwidth), x(top), y(top * bandwidth), "faint dash " + style) }
      let text = "\(ceiling.name) \(NumberText.prefixed(bandwidth, "B/s"))"
      // Parallel lines may lie close; a label then begins where the one of the line above ends.
      let begin = above.flatMap { isClose(bandwidth, to: $0.bandwidth) ? $0.labelEnd : nil } ?? x(start) + 14
      let at = x.low * pow(x.high / x.low, (begin - x(x.low)) / (x(x.high) - x(x.low)))
      svg.text(
        begin - 4, y(at * bandwidth) - 6, text, "halo small " + FigureStyle.fill(ceiling.colour),
        degrees: angle)
      let length = FigureStyle.width(of: text, size: 10.5) * cos(angle * .pi / 180)
      above = (bandwidth, begin + length + 10)
    }
  }

  /// Whether two slopes lie too close for a line of text between them.
  private func isClose(_ a: Double, to b: Double) -> Bool {
    let angle = atan2(y.pixelsPerDecade, x.pixelsPerDecade)
    return abs(log10(a / b)) * y.pixelsPerDecade * cos(angle) < 18
  }

  private func horizontals(_ svg: inout SVGWriter) {
    let flat = ceilings.filter { $0.intensity == nil }
    let fastest = ceilings.filter { $0.intensity != nil }.map(\.bound.ceiling).max()
    let rightEdge = Self.width - Self.right
    for ceiling in flat {
      let start = max(x.low, fastest.map { ceiling.speed / $0 } ?? x.low)
      let weight = ceiling.bound.unit == "flop/s" ? "thick " : "dash "
      let height = y(ceiling.speed)
      svg.line(x(min(start, x.high)), height, rightEdge, height, weight + FigureStyle.stroke(ceiling.colour))
    }
    svg.line(Self.left, y(speed), rightEdge, y(speed), "mark dots")
    var labels = flat.map { ceiling in
      (
        text: "\(ceiling.name)  \(short(ceiling.speed, digits: 3))", at: ceiling.speed,
        fill: FigureStyle.fill(ceiling.colour), stroke: FigureStyle.stroke(ceiling.colour)
      )
    }
    labels.append(("predicted  \(short(speed, digits: 3))", speed, "ink strong", "mark"))
    let places = LabelSpread.places(
      labels.map { y($0.at) }, gap: 16, in: Self.top...(Self.top + Self.plotHeight))
    for (label, place) in zip(labels, places) {
      svg.line(rightEdge, y(label.at), rightEdge + 14, place, label.stroke)
      svg.text(rightEdge + 18, place + 4, label.text, label.fill)
    }
  }

  private func points(_ svg: inout SVGWriter) {
    let memory = ceilings.filter { $0.intensity != nil }
    let height = y(speed)
    let texts = memory.map { "\($0.name) \(percent($0))" }
    let wanted = memory.map { x($0.intensity ?? 1) }
    let places = LabelSpread.places(
      wanted, sizes: texts.map { FigureStyle.width(of: $0) + 10 },
      in: (Self.left + 4)...(Self.width - Self.right - 4))
    for (place, ceiling) in memory.enumerated() {
      let (at, stroke) = (wanted[place], FigureStyle.stroke(ceiling.colour))
      svg.line(at, height, at, y(min(ceiling.speed, y.high)), "dots " + stroke)
      svg.line(at, height, places[place], height + 24, stroke)
      svg.circle(at, height, 5, FigureStyle.fill(ceiling.colour), hint: hint(ceiling))
      svg.text(
        places[place], height + 37, texts[place], "halo " + FigureStyle.fill(ceiling.colour), anchor: .middle)
    }
  }

  private func percent(_ ceiling: Ceiling) -> String { NumberText.percent(share(ceiling), digits: 0) }

  /// Of the predicted time: as the speed over the ceiling's.
  private func share(_ ceiling: Ceiling) -> Double { ceiling.bound.time.value / result.kernelTime.value }

  private func hint(_ ceiling: Ceiling) -> String {
    "\(ceiling.name): \(percent(ceiling)) of what \(NumberText.prefixed(ceiling.bound.ceiling, ceiling.bound.unit)) allows"
  }

  private func legend(_ svg: inout SVGWriter, top: Double) {
    let columns = [Self.left, Self.left + 150, Self.left + 300, Self.left + 450, Self.left + 600]
    for (place, head) in ["ceiling", "rate", "work", "least time", "of the predicted time"].enumerated() {
      svg.text(columns[place] + (place == 0 ? 26 : 0), top, head, "dim small")
    }
    for (place, ceiling) in ceilings.enumerated() {
      let line = top + 18 * Double(place + 1)
      let style = ceiling.intensity == nil && ceiling.bound.unit != "flop/s" ? "dash " : "thick "
      svg.line(columns[0], line - 4, columns[0] + 20, line - 4, style + FigureStyle.stroke(ceiling.colour))
      svg.text(columns[0] + 26, line, ceiling.name)
      svg.text(columns[1], line, NumberText.prefixed(ceiling.bound.ceiling, ceiling.bound.unit))
      let unit = String(ceiling.bound.unit.split(separator: "/").first ?? "")
      svg.text(columns[2], line, NumberText.prefixed(ceiling.bound.amount, unit))
      svg.text(columns[3], line, NumberText.time(ceiling.bound.time.value))
      let share = share(ceiling)
      svg.rectangle(
        columns[4], line - 9, 130 * min(share, 1), 10, FigureStyle.fill(ceiling.colour), radius: 2)
      svg.text(columns[4] + 130 * min(share, 1) + 6, line, percent(ceiling), "dim")
    }
  }
}
