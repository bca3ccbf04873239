import HWModels
import Programs
import Results

/// A traced run of one core: the first work items of the main kernel, every operation, jumps switched off.
struct TracedCore {
  let kernel: Kernel
  let entries: [TraceRecorder.Entry]
  /// Name and resource of each lowered operation, by position.
  private let operations: [(name: String, actor: String)]
  /// Place in `operations` of each lowered operation.
  private let sources: [Int]

  /// Plays what one core of the device plays first, until `limit` operations are recorded.
  ///
  /// - Parameters:
  ///   - longest: only the longest class of work items, for attribution, instead of the first in order.
  ///   - mainKernel: the main kernel of the call, not the first.
  static func run(
    _ program: Program, on device: Device, clock: Frequency, limit: Int, longest: Bool,
    mainKernel: Bool = true
  ) -> TracedCore? {
    let main = mainKernel ? longestMain(program, on: device, clock: clock) : nil
    guard let kernel = main ?? program.kernels.first, kernel.items.total > 0 else { return nil }
    let simulation = KernelSimulation(kernel, program.shape, on: device, cacheBefore: .sameCall)
    let lowered = LoweredKernel(kernel, on: device, conditions: simulation.conditions(at: clock))
    let runs = ItemRuns.make(kernel.items, order: kernel.policy.order)
    let first =
      longest
      ? kernel.items.classes.indices.max {
        kernel.items.classes[$0].walk.count < kernel.items.classes[$1].walk.count
      } ?? 0
      : runs[0].itemClass
    let trips = lowered.trips.map { $0.count(kernel.items.classes[first].values) }
    let rounds = longest ? 1 : min(2, (kernel.items.total + simulation.slots - 1) / simulation.slots)
    var core = CoreSimulation(
      lowered, queues: Array(repeating: Array(repeating: trips, count: rounds), count: simulation.resident),
      detectsPeriods: false, recorder: TraceRecorder(limit: limit))
    _ = core.run(until: limit)
    return TracedCore(
      kernel: kernel, entries: core.recorder?.entries ?? [], sources: lowered.sources.map(Int.init))
  }

  /// The main kernel; of several the one that takes longest.
  private static func longestMain(_ program: Program, on device: Device, clock: Frequency) -> Kernel? {
    let mains = program.kernels.filter { $0.role == .main }
    guard mains.count > 1 else { return mains.first }
    return mains.max { cycles($0) < cycles($1) }
    func cycles(_ kernel: Kernel) -> Double {
      let simulation = KernelSimulation(kernel, program.shape, on: device, cacheBefore: .sameCall)
      return (try? simulation.run(at: clock))?.cycles ?? 0
    }
  }

  private init(kernel: Kernel, entries: [TraceRecorder.Entry], sources: [Int]) {
    self.sources = sources
    self.kernel = kernel
    self.entries = entries
    operations = kernel.actors.flatMap { actor in
      actor.blocks.flatMap { $0.operations.map { ($0.name, actor.name) } }
    }
  }

  func name(_ entry: TraceRecorder.Entry) -> String { operations[sources[entry.operation]].name }
  func actorName(_ entry: TraceRecorder.Entry) -> String { operations[sources[entry.operation]].actor }
  func resource(_ entry: TraceRecorder.Entry) -> Resource? { Resource(rawValue: Int(entry.bottleneck)) }

  var events: [TraceEvent] {
    entries.map { entry in
      let cause: TraceEvent.Cause =
        if let barrier = entry.barrier {
          .barrier(kernel.barriers[barrier].name, event: entry.waker)
        } else if let resource = resource(entry), let before = entry.unitBefore,
          entries[before].served > entry.start
        {
          .unit(resource, event: before)
        } else {
          .own
        }
      return TraceEvent(
        core: 0, slot: entry.slot, actor: actorName(entry), operation: name(entry), resource: resource(entry),
        ready: entry.ready, start: entry.start, end: entry.end, cause: cause)
    }
  }

  /// Walks back from the operation that ends last: each tick belongs to the operation, the unit's backlog or the
  /// barrier that the end waited for.
  func attribution() -> Attribution {
    guard var index = entries.indices.max(by: { entries[$0].end < entries[$1].end }) else {
      return Attribution(entries: [])
    }
    var ticks: [String: Int] = [:]
    var end = entries[index].end
    let total = max(end, 1)
    while end > 0 {
      let entry = entries[index]
      // What the operation itself took, up to where the path leaves it.
      let label = resource(entry).map { "\($0.name): \(name(entry))" } ?? name(entry)
      var next: Int?
      var from = entry.start
      if let before = entry.unitBefore, entries[before].served > entry.start, entries[before].served < end {
        // It queued: the time before its service belongs to the operation served before it.
        from = entries[before].served
        next = before
      }
      ticks[label, default: 0] += max(end - from, 0)
      end = min(end, from)
      if next == nil {
        if let waker = entry.waker, let barrier = entry.barrier {
          let wake = max(end - min(entries[waker].end, end), 0)
          ticks["wait: \(kernel.barriers[barrier].name)", default: 0] += wake
          end -= wake
          next = waker
        } else if let before = entry.before {
          let idle = max(end - entries[before].released, 0)
          ticks["synchronisation of \(actorName(entry))", default: 0] += idle
          end -= idle
          next = before
        }
      }
      guard let next, next != index else {
        ticks["start", default: 0] += end
        break
      }
      index = next
    }
    return Attribution(
      entries: ticks.filter { $0.value > 0 }.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map {
        .init(name: $0.key, ticks: $0.value, share: Double($0.value) / Double(total))
      })
  }
}
