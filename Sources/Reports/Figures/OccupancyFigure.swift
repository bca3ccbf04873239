public import Simulator

/// How full each FIFO of a streaming graph was over time: a strip for each, on a scale of its own, its depth as a dashed
/// line. Deep FIFOs have tall strips.
public enum OccupancyFigure {
  /// Events worth recording for it: some rows of graphs with long rows.
  public static let events = 8_000_000
  private static let (width, right, top) = (960.0, 120.0, 64.0)

  public static func svg(_ trace: DataflowTrace, title: String, embedded: Bool = false) -> String {
    let heights = trace.tracks.map { height(peak($0)) }
    let total = top + heights.reduce(0) { $0 + $1 + 14 } + 40
    var svg = SVGWriter(width: width, height: total, title: "FIFO occupancy over time")
    svg.text(16, 26, title, "head ink")
    svg.text(16, 46, coverage(trace), "dim")
    // Names stand before the strips, and are never cut.
    let longest = trace.tracks.map { FigureStyle.width(of: $0.name) }.max() ?? 0
    let left = min(max(longest + 26, 150), width / 2)
    let x = LinearScale(0, Double(max(trace.end, 1)), over: left, width - right)
    let bottom = total - 40
    for tick in x.ticks(8) {
      svg.line(x(tick), top, x(tick), bottom, "grid")
      svg.text(x(tick), bottom + 16, NumberText.grouped(tick), "dim small", anchor: .middle)
    }
    svg.text(width - right, bottom + 32, "cycles", "dim small", anchor: .end)
    var y = top
    for (index, track) in trace.tracks.enumerated() {
      strip(&svg, track, index: index, left: left, x: x, y: y, height: heights[index], end: trace.end)
      y += heights[index] + 14
    }
    return svg.document(embedded: embedded)
  }

  /// What part of the run is shown, in words.
  public static func coverage(_ trace: DataflowTrace) -> String {
    let end = NumberText.grouped(Double(trace.total))
    let whole =
      trace.deadlock != nil ? "deadlock at cycle \(end)" : "\(trace.part ?? "the whole run"), \(end) cycles"
    guard !trace.isWhole else { return whole }
    let share = NumberText.significant(Double(trace.end) / Double(trace.total) * 100, 2)
    let covered =
      "the first \(NumberText.grouped(Double(trace.end))) cycles (\(share) %) of \(end)"
      + (trace.part.map { ", \($0)" } ?? "")
    return trace.deadlock != nil ? covered + ", where it deadlocks" : covered
  }

  private static func peak(_ track: DataflowTrace.Track) -> Int {
    track.steps.reduce(0) { max($0, $1.count) }
  }

  private static func height(_ peak: Int) -> Double { peak > 16 ? 72 : 26 }

  private static func strip(
    _ svg: inout SVGWriter, _ track: DataflowTrace.Track, index: Int, left: Double, x: LinearScale, y: Double,
    height: Double, end: Int
  ) {
    let peak = peak(track)
    // A depth far above what was held would flatten the curve: the label says it.
    let shownDepth = track.depth.flatMap { $0 <= max(2 * peak, 4) ? $0 : nil }
    let scale = LinearScale(0, Double(max(peak, shownDepth ?? 1, 1)), over: y + height, y)
    svg.line(left, y + height, width - right, y + height, "axis")
    svg.polygon(outline(track, left: left, x: x, y: scale, end: end), FigureStyle.fill(index) + " band")
    if let shownDepth {
      svg.line(left, scale(Double(shownDepth)), width - right, scale(Double(shownDepth)), "axis dash")
    }
    svg.text(left - 10, y + height - 4, track.name, "ink", anchor: .end)
    svg.text(width - right + 8, y + height - 4, label(peak, track.depth), "dim small")
  }

  private static func label(_ peak: Int, _ depth: Int?) -> String {
    "\(NumberText.grouped(Double(peak))) of \(depth.map { NumberText.grouped(Double($0)) } ?? "no bound")"
  }

  /// The area under the steps; within a pixel the highest step counts.
  private static func outline(
    _ track: DataflowTrace.Track, left: Double, x: LinearScale, y: LinearScale, end: Int
  ) -> [(Double, Double)] {
    let columns = Int(width - right - left)
    var highest = [Int](repeating: 0, count: columns)
    func column(_ cycle: Int) -> Int {
      min(Int(Double(cycle) / Double(max(end, 1)) * Double(columns)), columns - 1)
    }
    for (place, step) in track.steps.enumerated() {
      let next = place + 1 < track.steps.count ? track.steps[place + 1].cycle : end
      let range = column(step.cycle)...max(column(max(next - 1, step.cycle)), column(step.cycle))
      for pixel in range { highest[pixel] = max(highest[pixel], step.count) }
    }
    var points = [(left, y(0))]
    for (pixel, count) in highest.enumerated() {
      // Corners only: a run of equal columns is two points.
      if pixel > 0, pixel + 1 < columns, highest[pixel - 1] == count, highest[pixel + 1] == count { continue }
      points.append((left + Double(pixel), y(Double(count))))
      points.append((left + Double(pixel + 1), y(Double(count))))
    }
    points.append((left + Double(columns), y(0)))
    return points
  }
}
