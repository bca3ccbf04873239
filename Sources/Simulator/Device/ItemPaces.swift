import HWModels
import Programs
import Results

/// How long an item takes beside others, where device memory is what they share.
///
/// Cores ask for memory at different moments, so a core's transfer runs at the speed of its port until all together ask for
/// more than there is; then the bytes of all set the pace. (The two bounds of a closed network of queues, which many cores
/// come close to.) Items start together, so the first trip of each waits for the bytes of all.
final class ItemPaces {
  private let kernel: Kernel
  private let device: Device
  private let conditions: MemoryConditions
  /// Whether slots play more than one item.
  private let repeated: Bool
  /// What an item of a persistent kernel takes when its core never has more than its share of the memory, by class: no sharing
  /// is slower.
  private let shares: [DeviceSchedule.Duration]?
  private let slots: Double
  /// Bytes that device memory, the shared cache and its stores move in a tick.
  private let bandwidth: (memory: Double, cache: Double, stores: Double)
  private var timers: [Int: ItemTimer] = [:]
  /// By items on the core, then by class.
  private var known: [[Pace?]] = []
  private(set) var failure: SimulationError?
  private(set) var events = 0

  /// What an item takes with the whole memory for one core, as the first of a slot and as a later one, and what it asks of
  /// the memory that all share; in ticks.
  private struct Pace {
    var first: Double
    var later: Double
    var shared: Double
    var trips: Double
  }

  init(
    _ kernel: Kernel, on device: Device, conditions: MemoryConditions, repeated: Bool,
    slots: Int, shares: [DeviceSchedule.Duration]? = nil
  ) {
    self.kernel = kernel
    self.slots = Double(slots)
    self.shares = shares
    self.device = device
    self.conditions = conditions
    self.repeated = repeated
    let perTick = 1 / Double(Tick.perCycle)
    bandwidth = (
      (device.dram.bandwidth / conditions.clock).value * device.dram.efficiency.value * perTick,
      (device.l2.bandwidth / conditions.clock).value * perTick,
      (device.l2.storeBandwidth / conditions.clock).value * perTick
    )
  }

  /// Ticks of an item with `resident` items on its core and `active` cores with items.
  func ticks(_ itemClass: Int, resident: Int, active: Double, isFirst: Bool) -> Double {
    while known.count <= resident {
      known.append(Array(repeating: nil, count: kernel.items.classes.count))
    }
    let pace: Pace
    if let found = known[resident][itemClass] {
      pace = found
    } else {
      pace = self.pace(itemClass, resident: resident)
      known[resident][itemClass] = pace
    }
    let shared = pace.shared * Double(resident) * active
    let ticks = self.ticks(pace, shared: shared, isFirst: isFirst)
    // Launches of a grid that follow each other begin together again, and have nothing under way.
    guard kernel.policy.isPersistent, let share = shares?[itemClass] else { return ticks }
    if isFirst { return min(ticks, Double(share.first)) }
    // Cores that come back for more keep each other company: of what a core alone would save, those that are idle leave it
    // their part.
    let part = min(active * Double(resident) / slots, 1)
    return max(pace.later + (Double(share.later) - pace.later) * part, shared)
  }

  private func ticks(_ pace: Pace, shared: Double, isFirst: Bool) -> Double {
    // Items that start together ask together: of the shorter of the two, one trip does not overlap.
    let together = min(pace.first, shared) / pace.trips
    if isFirst { return max(pace.first, shared) + together }
    // A producer that runs ahead asks for a later item's tiles before the item in front of it has ended.
    let ahead = max(pace.first - pace.later, 0)
    return max(pace.later, shared) + max(together - ahead, 0)
  }

  private func pace(_ itemClass: Int, resident: Int) -> Pace {
    let alone = alone(itemClass, resident: resident)
    let bytes = bytes(itemClass)
    let memory = bytes.memory / bandwidth.memory + bytes.stores / bandwidth.stores
    return Pace(
      first: Double(alone.first), later: Double(alone.later),
      shared: max(memory, bytes.cache / bandwidth.cache),
      trips: Double(max(kernel.items.classes[itemClass].walk.count, 1)))
  }

  /// Bytes of an item that are read from device memory, that cross the shared cache's ports, and that are written.
  private func bytes(_ itemClass: Int) -> (memory: Double, cache: Double, stores: Double) {
    let work = kernel.work(of: kernel.items.classes[itemClass])
    let read =
      work.globalRead * conditions.missShare + (work.streamRead + work.tableRead) * conditions.streamMissShare
    return (
      memory: read * (1 + conditions.writeBackShare),
      cache: work.bytesRead + work.globalWrite,
      stores: work.globalWrite
    )
  }

  /// Ticks with the whole memory for one core, as the first item of a slot and as a later one.
  private func alone(_ itemClass: Int, resident: Int) -> DeviceSchedule.Duration {
    var timer =
      timers[resident]
      ?? {
        var own = conditions
        own.activeCores = 1
        let lowered = LoweredKernel(kernel, on: device, conditions: own)
        return ItemTimer(lowered: lowered, kernel: kernel, resident: resident, repeated: repeated)
      }()
    var ticks = DeviceSchedule.Duration(first: 0, later: 0)
    let before = timer.events
    do {
      ticks = try timer.timing(of: kernel.items.classes[itemClass]).duration
    } catch {
      failure = error
    }
    events += timer.events - before
    timers[resident] = timer
    return ticks
  }
}
