import Attention
import HWModels
import Programs

/// Kernels that a serving engine's call runs before attention itself.
///
/// - Source: sgl-project/sglang, `FlashAttentionBackend.forward_extend` and `MHATokenToKVPool.set_kv_buffer` (new keys and
///   values are copied into the pages of the cache first); Dao-AILab/flash-attention@0251105
///   hopper/flash_prepare_scheduler.cu (one work item reads the lengths and counts tiles).
struct ServingKernels {
  let schedule: String
  let shape: AttentionShape

  /// How keys lie in memory.
  enum Layout: String, CaseIterable { case dense, varlen, paged }
  static func layout(dependsOn: Condition) -> Parameter<Layout> {
    Parameter(
      "layout",
      "dense; varlen: lengths from a table; paged: that, and a paged cache that takes the new keys first",
      default: .dense, dependsOn: dependsOn)
  }

  private var element: Double { Double(shape.dataType.bytes) }
  /// Rows (token, key-value head) that a work item copies.
  private static let rows = 64
  private static let threads = 128

  /// What runs before attention in a layout.
  func kernels(layout: Layout, on device: Device) throws(ScheduleError) -> [Kernel] {
    switch layout {
    case .varlen: [try prepare(on: device)]
    case .paged: [try append(on: device), try prepare(on: device)]
    case .dense: []
    }
  }

  /// Copies the new keys and values into the cache: twice their bytes over bandwidth, or one launch.
  ///
  /// The interpreter's keys and values are those of the cache already: the actions only mark the rows as used.
  func append(on device: Device) throws(ScheduleError) -> Kernel {
    var builder = KernelBuilder(schedule: schedule, kernel: "cache_append")
    let copied = TileRef(
      builder.buffer(
        "rows", .registers, rows: Self.rows, columns: shape.headDim + shape.headDimV, type: shape.dataType))
    let bytes = Double(Self.rows * (shape.headDim + shape.headDimV)) * element
    builder.actor(
      "warps", warps: Self.threads / 32,
      blocks: [
        Block(
          trips: .fixed(1), stepsPerTrip: 0,
          operations: [
            Operation(
              "load places", .loadStore, work: .of { $0.streamRead = Double(8 * Self.rows) },
              chain: Chain(alu: 4), action: .fill(copied, 0)),
            Operation(
              "load new rows", .loadStore,
              work: .of {
                $0.streamRead = bytes
                $0.otherInstructions = bytes / 16
              }, action: .fill(copied, 0)),
            Operation(
              "store into pages", .loadStore,
              work: .of {
                $0.globalWrite = bytes
                $0.otherInstructions = bytes / 16
              }, action: .fill(copied, 0)),
          ])
      ])
    let total = shape.totalQueries * shape.headsKV
    return try builder.build(
      items: .equal((total + Self.rows - 1) / Self.rows), policy: .grid(order: .tilesFastest),
      footprint: Footprint(threads: Self.threads, registersPerThread: 32, sharedBytes: 0), role: .preprocess,
      on: device)
  }

  /// A copy of the queries or outputs into another order of heads: a framework's strided copy, four elements a lane.
  ///
  /// - Source: Dao-AILab/flash-attention csrc/flash_attn/flash_api.cpp, `seqlenq_ngroups_swapped`: the groups of a single
  ///   query become rows, which takes a copy of Q before, one of O after, and one into the caller's tensor.
  func permute(_ name: String, on device: Device) throws(ScheduleError) -> Kernel {
    var builder = KernelBuilder(schedule: schedule, kernel: name)
    let perItem = 4 * Self.threads
    let copied = TileRef(
      builder.buffer("elements", .registers, rows: 1, columns: perItem, type: shape.dataType))
    let bytes = Double(perItem) * element
    builder.actor(
      "warps", warps: Self.threads / 32,
      blocks: [
        Block(
          trips: .fixed(1), stepsPerTrip: 0,
          operations: [
            Operation(
              "load", .loadStore,
              work: .of {
                $0.streamRead = bytes
                // Index arithmetic with divisions, for each element.
                $0.otherInstructions = 30 * Double(perItem)
              }, chain: Chain(alu: 30), action: .fill(copied, 0)),
            Operation(
              "store", .loadStore,
              work: .of {
                $0.globalWrite = bytes
                $0.otherInstructions = Double(perItem)
              }, action: .fill(copied, 0)),
          ])
      ])
    let total = shape.headsQ * shape.totalQueries * max(shape.headDim, shape.headDimV)
    return try builder.build(
      items: .equal((total + perItem - 1) / perItem), policy: .grid(order: .tilesFastest),
      footprint: Footprint(threads: Self.threads, registersPerThread: 32, sharedBytes: 0), role: .rearrange,
      on: device)
  }

  /// Reads the lengths of a batch, counts tiles and zeroes the scheduler's counter: a chain of latencies on one core.
  private func prepare(on device: Device) throws(ScheduleError) -> Kernel {
    var builder = KernelBuilder(schedule: schedule, kernel: "prepare_varlen")
    let counts = TileRef(builder.buffer("tiles", .registers, rows: 1, columns: 1, type: .fp32))
    builder.actor(
      "warps", warps: 32,
      blocks: [
        Block(
          trips: .fixed(1), stepsPerTrip: 0,
          operations: [
            Operation(
              "load lengths", .loadStore, work: .of { $0.streamRead = Double(12 * shape.batch) },
              chain: Chain(alu: 4), action: .fill(counts, 0)),
            // Divisions by the tile sizes, the sum over a warp's batches, the sum over warps.
            Operation(
              "count tiles", .vector,
              work: .of {
                $0.alu = 1024 * 60
                $0.shuffle = 1024 * 5
              }, chain: Chain(alu: 60, shuffle: 5, shared: 2), action: .fill(counts, 0)),
            Operation(
              "store counts", .loadStore, work: .of { $0.globalWrite = Double(16 * shape.batch) },
              action: .fill(counts, 0)),
          ])
      ])
    return try builder.build(
      items: .equal(1), policy: .grid(order: .tilesFastest),
      footprint: Footprint(threads: 1024, registersPerThread: 32, sharedBytes: 1024), role: .preprocess,
      on: device)
  }
}
