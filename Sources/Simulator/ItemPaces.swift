import HWModels
import Schedules

/// How long an item takes beside others: core-level durations for as many items on the core and as many cores with
/// items as there are, found when they are asked for.
final class ItemPaces {
  private let kernel: Kernel
  private let device: Device
  private let conditions: MemoryConditions
  /// Later items of a slot over first ones, by class.
  private let laterShare: [Double]
  private let cores: Double
  /// Bytes that device memory moves in a tick.
  private let bandwidth: Double
  private var knownBytes: [Int: Double] = [:]
  private var timers: [Key: ItemTimer] = [:]
  private var known: [ClassKey: Double] = [:]
  private(set) var failure: SimulationError?
  private(set) var events = 0

  private struct Key: Hashable {
    var resident: Int
    var level: Int
  }
  private struct ClassKey: Hashable {
    var key: Key
    var itemClass: Int
  }

  init(_ kernel: Kernel, on device: Device, conditions: MemoryConditions, laterShare: [Double]) {
    self.kernel = kernel
    self.device = device
    self.conditions = conditions
    self.laterShare = laterShare
    cores = device.cores.count.value
    bandwidth =
      (device.dram.bandwidth / conditions.clock).value * device.dram.efficiency.value / Double(Tick.perCycle)
  }

  /// Ticks of an item; between numbers of cores that are halves of each other, linear.
  func ticks(_ itemClass: Int, resident: Int, active: Double, isFirst: Bool) -> Double {
    var level = 0
    var upper = cores
    while upper / 2 >= active, upper > 1 {
      upper /= 2
      level += 1
    }
    let high = ticks(itemClass, resident: resident, level: level)
    let low = active < upper ? ticks(itemClass, resident: resident, level: level + 1) : high
    let share = min(max((active - upper / 2) / (upper / 2), 0), 1)
    let ticks = low + (high - low) * share
    guard !isFirst else { return ticks }
    // A later item of a slot starts while others run, but no item gets ahead of its bytes.
    let bytes = Double(resident) * bytes(itemClass) * active
    return max(ticks * laterShare[itemClass], min(bytes / bandwidth, ticks))
  }

  /// Bytes of an item that cross device memory.
  private func bytes(_ itemClass: Int) -> Double {
    if let bytes = knownBytes[itemClass] { return bytes }
    let work = kernel.work(of: kernel.items.classes[itemClass])
    let bytes =
      (work.globalRead * conditions.missShare + work.streamRead * conditions.streamMissShare)
      * (1 + conditions.writeBackShare)
    knownBytes[itemClass] = bytes
    return bytes
  }

  private func ticks(_ itemClass: Int, resident: Int, level: Int) -> Double {
    let key = Key(resident: resident, level: level)
    let place = ClassKey(key: key, itemClass: itemClass)
    if let ticks = known[place] { return ticks }
    var timer =
      timers[key]
      ?? {
        var shared = conditions
        shared.activeCores = max(cores / Double(1 << level), 1)
        let lowered = LoweredKernel(kernel, on: device, conditions: shared)
        return ItemTimer(lowered: lowered, kernel: kernel, resident: resident, repeated: false)
      }()
    var ticks = 0.0
    let before = timer.events
    do {
      ticks = Double(try timer.timing(of: kernel.items.classes[itemClass]).duration.first)
    } catch {
      failure = error
    }
    events += timer.events - before
    timers[key] = timer
    known[place] = ticks
    return ticks
  }
}
