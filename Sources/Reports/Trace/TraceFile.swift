public import HWModels
public import Results

/// A traced run in the Trace Event Format, which ui.perfetto.dev and chrome://tracing open.
///
/// Each core is two processes, actors and units, each with a thread for every track. Waits are slices of category
/// `wait`; an arrow leads from the event that completed a barrier to the one that waited for it.
/// - Source: "Trace Event Format", Google 2016; https://perfetto.dev/docs/getting-started/other-formats
public enum TraceFile {
  /// - Parameters:
  ///   - clock: the clock of the run, by which ticks become microseconds.
  ///   - title: shown as the name of the trace.
  ///   - counters: amounts over time, in whole cycles, each a track of its own.
  ///   - covers: what part of the run is recorded, in words.
  public static func json(
    _ events: [TraceEvent], clock: Frequency, title: String = "attnsim", counters: [Counter] = [],
    covers: String? = nil
  ) -> String {
    var writer = TraceWriter(microsecondsPerTick: 1e6 / clock.value / Double(Tick.perCycle))
    let lanes = TraceLanes(events)
    var trackOfEvent = [Int: (process: Int, thread: Int)](minimumCapacity: events.count)
    var named: Set<Int> = []
    for (thread, track) in lanes.tracks.enumerated() {
      let process = track.core * 2 + (track.isUnit ? 1 : 0)
      if named.insert(process).inserted {
        writer.name(process: process, "core \(track.core) \(track.isUnit ? "units" : "actors")")
      }
      writer.name(process: process, thread: thread, track.name)
      var free = Int.min
      for index in track.events {
        if !track.isUnit {
          trackOfEvent[index] = (process, thread)
          writer.wait(events[index], from: max(events[index].ready, free), process, thread)
          free = events[index].end
        }
        writer.slice(events[index], process, thread)
      }
    }
    for (index, event) in events.enumerated() {
      guard case .barrier(let name, .some(let cause)) = event.cause, events.indices.contains(cause),
        let from = trackOfEvent[cause], let to = trackOfEvent[index]
      else { continue }
      writer.arrow(name, id: index, from: events[cause], from, to: event, to)
    }
    for counter in counters { writer.counter(counter) }
    return writer.finish(title: title, clock: clock, covers: covers)
  }

  /// An amount that changes at certain cycles.
  public struct Counter: Sendable {
    public var name: String
    public var steps: [(cycle: Int, count: Int)]
    public init(name: String, steps: [(cycle: Int, count: Int)]) {
      self.name = name
      self.steps = steps
    }
  }
}

/// Appends events as text: a trace may have hundreds of thousands.
private struct TraceWriter {
  let microsecondsPerTick: Double
  private var output = "{\"traceEvents\":["
  private var isFirst = true

  init(microsecondsPerTick: Double) { self.microsecondsPerTick = microsecondsPerTick }

  mutating func name(process: Int, _ name: String) { self.name("process_name", process, 0, name) }

  mutating func name(process: Int, thread: Int, _ name: String) {
    self.name("thread_name", process, thread, name)
    begin("M", "thread_sort_index", process, thread)
    output += ",\"args\":{\"sort_index\":\(thread)}}"
  }

  private mutating func name(_ kind: String, _ process: Int, _ thread: Int, _ name: String) {
    begin("M", kind, process, thread)
    output += ",\"args\":{\"name\":"
    JSONText.append(name, to: &output)
    output += "}}"
  }

  /// The time between an actor's being ready, or its track's being free, and its operation's start.
  mutating func wait(_ event: TraceEvent, from ready: Int, _ process: Int, _ thread: Int) {
    guard event.start > ready else { return }
    let reason: String
    switch event.cause {
    case .own: return
    case .barrier(let name, _): reason = "wait: " + name
    case .unit(let resource, _): reason = "busy: " + resource.name
    }
    begin("X", reason, process, thread)
    output += ",\"cat\":\"wait\",\"ts\":\(time(ready)),\"dur\":\(duration(ready, event.start))}"
  }

  mutating func slice(_ event: TraceEvent, _ process: Int, _ thread: Int) {
    begin("X", event.operation, process, thread)
    output += ",\"cat\":"
    JSONText.append(event.resource?.name ?? "actor", to: &output)
    output += ",\"ts\":\(time(event.start)),\"dur\":\(duration(event.start, event.end)),\"args\":{\"actor\":"
    JSONText.append(event.actor, to: &output)
    let cycles = Double(event.end - event.start) / Double(Tick.perCycle)
    output += ",\"cycles\":"
    JSONText.append(cycles, to: &output)
    output += "}}"
  }

  mutating func arrow(
    _ name: String, id: Int, from: TraceEvent, _ source: (process: Int, thread: Int), to: TraceEvent,
    _ target: (process: Int, thread: Int)
  ) {
    // An arrow binds to the slice it starts in: the last tick of the signaller still belongs to it.
    begin("s", name, source.process, source.thread)
    output += ",\"cat\":\"barrier\",\"id\":\(id),\"ts\":\(time(max(from.start, from.end - 1)))}"
    begin("f", name, target.process, target.thread)
    output += ",\"cat\":\"barrier\",\"id\":\(id),\"bp\":\"e\",\"ts\":\(time(to.start))}"
  }

  mutating func counter(_ counter: TraceFile.Counter) {
    for step in counter.steps {
      begin("C", counter.name, 0, 0)
      output += ",\"ts\":\(time(step.cycle * Tick.perCycle)),\"args\":{\"elements\":\(step.count)}}"
    }
  }

  private mutating func begin(_ phase: String, _ name: String, _ process: Int, _ thread: Int) {
    output += isFirst ? "\n" : ",\n"
    isFirst = false
    output += "{\"ph\":\"\(phase)\",\"pid\":\(process),\"tid\":\(thread),\"name\":"
    JSONText.append(name, to: &output)
  }

  private func time(_ ticks: Int) -> String { NumberText.fixed(picoseconds(ticks) * 1e-6, 6) }

  /// The difference of the two rounded times, so that one slice ends where the next begins.
  private func duration(_ start: Int, _ end: Int) -> String {
    NumberText.fixed((picoseconds(end) - picoseconds(start)) * 1e-6, 6)
  }

  private func picoseconds(_ ticks: Int) -> Double { (Double(ticks) * microsecondsPerTick * 1e6).rounded() }

  mutating func finish(title: String, clock: Frequency, covers: String?) -> String {
    output += "\n],\"displayTimeUnit\":\"ns\",\"otherData\":{\"title\":"
    JSONText.append(title, to: &output)
    if let covers {
      output += ",\"covers\":"
      JSONText.append(covers, to: &output)
    }
    output += ",\"clock_hz\":"
    JSONText.append(clock.value, to: &output)
    output += ",\"ticks_per_cycle\":\(Tick.perCycle)}}\n"
    return output
  }
}
