import HWModels
import Schedules

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
  /// Bytes that device memory, the shared cache and its stores move in a tick.
  private let bandwidth: (memory: Double, cache: Double, stores: Double)
  private var timers: [Int: ItemTimer] = [:]
  private var known: [Key: DeviceSchedule.Duration] = [:]
  private var knownBytes: [Int: (memory: Double, cache: Double, stores: Double)] = [:]
  private(set) var failure: SimulationError?
  private(set) var events = 0

  private struct Key: Hashable {
    var resident: Int
    var itemClass: Int
  }

  init(_ kernel: Kernel, on device: Device, conditions: MemoryConditions, repeated: Bool) {
    self.kernel = kernel
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
    let alone = alone(itemClass, resident: resident)
    let bytes = bytes(itemClass)
    let memory = bytes.memory / bandwidth.memory + bytes.stores / bandwidth.stores
    let shared = max(memory, bytes.cache / bandwidth.cache) * Double(resident) * active
    // Items that start together ask together: of the shorter of the two, one trip does not overlap.
    let trips = Double(max(kernel.items.classes[itemClass].walk.count, 1))
    let together = min(Double(alone.first), shared) / trips
    if isFirst { return max(Double(alone.first), shared) + together }
    // A producer that runs ahead asks for a later item's tiles before the item in front of it has ended.
    let ahead = Double(max(alone.first - alone.later, 0))
    return max(Double(alone.later), shared) + max(together - ahead, 0)
  }

  /// Bytes of an item that are read from device memory, that cross the shared cache's ports, and that are written.
  private func bytes(_ itemClass: Int) -> (memory: Double, cache: Double, stores: Double) {
    if let bytes = knownBytes[itemClass] { return bytes }
    let work = kernel.work(of: kernel.items.classes[itemClass])
    let read =
      work.globalRead * conditions.missShare + (work.streamRead + work.tableRead) * conditions.streamMissShare
    let bytes = (
      memory: read * (1 + conditions.writeBackShare),
      cache: work.bytesRead + work.globalWrite,
      stores: work.globalWrite
    )
    knownBytes[itemClass] = bytes
    return bytes
  }

  /// Ticks with the whole memory for one core, as the first item of a slot and as a later one.
  private func alone(_ itemClass: Int, resident: Int) -> DeviceSchedule.Duration {
    let key = Key(resident: resident, itemClass: itemClass)
    if let ticks = known[key] { return ticks }
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
    known[key] = ticks
    return ticks
  }
}
