import HWModels
public import Results

/// The first steps of a traced run as a static picture: a row for each actor and each unit, time in core cycles.
public enum TimelineFigure {
  /// - Parameters:
  ///   - cycles: the window shown; by default as much of the beginning as can be read, some six loop steps.
  ///   - core: whose events.
  public static func svg(
    _ events: [TraceEvent], cycles: Range<Double>? = nil, core: Int = 0, embedded: Bool = false
  ) -> String {
    let own = events.filter { $0.core == core }
    let window = cycles ?? 0..<TimelineDrawing.readableEnd(own)
    return TimelineDrawing(events: own, window: window).svg(embedded: embedded)
  }
}

private struct TimelineDrawing {
  private let events: [TraceEvent]
  private let tracks: [TraceLanes.Track]
  private let colours: [String: Int]
  private let x: LinearScale
  private let window: Range<Double>
  private let left: Double

  private static let (width, top, row, gap) = (1100.0, 40.0, 20.0, 5.0)
  /// Slices that a picture of this width can show apart.
  private static let readableEvents = 90

  init(events all: [TraceEvent], window: Range<Double>) {
    let shown = all.filter {
      Self.cycle($0.end) > window.lowerBound && Self.cycle($0.start) < window.upperBound
    }
    events = shown
    tracks = TraceLanes(shown).tracks
    self.window = window
    var colours: [String: Int] = [:]
    for event in shown where event.end > event.start && colours[event.operation] == nil {
      colours[event.operation] = colours.count
    }
    self.colours = colours
    let longest = tracks.map { FigureStyle.width(of: $0.name) }.max() ?? 60
    left = min(longest, 220) + 20
    x = LinearScale(window.lowerBound, window.upperBound, over: left, Self.width - 16)
  }

  /// Where the picture of the beginning should end: after so many events that each is still wide enough.
  static func readableEnd(_ events: [TraceEvent]) -> Double {
    let starts = events.filter { $0.end > $0.start }.map(\.start).sorted()
    guard let last = starts.prefix(readableEvents).last else { return 1 }
    let end = events.filter { $0.start <= last }.map(\.end).max() ?? last
    return max(cycle(end), 1)
  }

  private static func cycle(_ ticks: Int) -> Double { Double(ticks) / Double(Tick.perCycle) }

  func svg(embedded: Bool) -> String {
    let rows = Double(tracks.count) * (Self.row + Self.gap)
    let unitGap = tracks.contains(where: \.isUnit) ? 12.0 : 0
    let legend = legendPlaces(top: Self.top + rows + unitGap + 50)
    let height = (legend.last?.y ?? Self.top + rows + unitGap + 40) + 16
    var svg = SVGWriter(width: Self.width, height: height, title: "Timeline of the first steps of a core")
    let bottom = Self.top + rows + unitGap
    axis(&svg, bottom: bottom)
    for (place, track) in tracks.enumerated() {
      let y = Self.top + Double(place) * (Self.row + Self.gap) + (track.isUnit ? unitGap : 0)
      svg.text(left - 10, y + 14, track.name, track.isUnit ? "dim" : "ink", anchor: .end)
      svg.line(left, y + Self.row + 2, Self.width - 16, y + Self.row + 2, "grid")
      if !track.isUnit { waits(&svg, track, y: y) }
      for index in track.events { slice(&svg, events[index], y: y) }
    }
    for entry in legend {
      svg.rectangle(entry.x, entry.y - 9, 11, 11, entry.fill, radius: 2)
      svg.text(entry.x + 16, entry.y, entry.name, "dim")
    }
    return svg.document(embedded: embedded)
  }

  private func axis(_ svg: inout SVGWriter, bottom: Double) {
    for tick in x.ticks(10) {
      svg.line(x(tick), Self.top - 6, x(tick), bottom, "grid")
      svg.text(x(tick), Self.top - 12, NumberText.grouped(tick), "dim small", anchor: .middle)
    }
    svg.text(left - 10, Self.top - 12, "cycles", "dim small", anchor: .end)
  }

  private func place(_ ticks: Int) -> Double {
    x(min(max(Self.cycle(ticks), window.lowerBound), window.upperBound))
  }

  /// Thin bars from where an actor was ready, or its operation before ended, to where the next one began.
  private func waits(_ svg: inout SVGWriter, _ track: TraceLanes.Track, y: Double) {
    var end = Int.min
    for event in track.events.map({ events[$0] }) {
      let ready = max(event.ready, end)
      end = event.end
      guard event.start > ready, let reason = waitReason(event) else { continue }
      svg.rectangle(
        place(ready), y + 7, place(event.start) - place(ready), Self.row - 14, "wait", hint: reason)
    }
  }

  private func slice(_ svg: inout SVGWriter, _ event: TraceEvent, y: Double) {
    // Barrier code that takes no time has nothing to show.
    guard event.end > event.start else { return }
    let (from, to) = (place(event.start), place(event.end))
    let style = FigureStyle.fill(colours[event.operation] ?? 0)
    svg.rectangle(from, y, max(to - from, 1), Self.row, style, radius: 2, hint: hint(event))
    if FigureStyle.width(of: event.operation, size: 10.5) + 6 < to - from {
      svg.text((from + to) / 2, y + 14, event.operation, "onfill small", anchor: .middle)
    }
  }

  private func waitReason(_ event: TraceEvent) -> String? {
    let cycles = NumberText.grouped(Self.cycle(event.start - event.ready))
    return switch event.cause {
    case .own: nil
    case .barrier(let name, _): "\(event.actor) waits \(cycles) cycles for \(name)"
    case .unit(let resource, _): "\(event.actor) waits \(cycles) cycles for the \(resource.name) unit"
    }
  }

  private func hint(_ event: TraceEvent) -> String {
    let cycles = NumberText.grouped(Self.cycle(event.end - event.start))
    return
      "\(event.actor): \(event.operation), \(cycles) cycles from \(NumberText.grouped(Self.cycle(event.start)))"
  }

  private func legendPlaces(top: Double) -> [(name: String, fill: String, x: Double, y: Double)] {
    var entries = colours.sorted { $0.value < $1.value }.map { ($0.key, FigureStyle.fill($0.value)) }
    entries.append(("waiting", "wait"))
    var (x, y) = (left, top)
    return entries.map { name, fill in
      let room = FigureStyle.width(of: name) + 34
      if x + room > Self.width - 16, x > left { (x, y) = (left, y + 20) }
      defer { x += room }
      return (name, fill, x, y)
    }
  }
}
