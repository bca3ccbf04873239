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

  /// What runs before attention in a layout.
  func kernels(layout: Layout, on device: Device) throws(ScheduleError) -> [Kernel] {
    switch layout {
    case .varlen: [try prepare(on: device)]
    case .paged: [try append(on: device), try prepare(on: device)]
    case .dense: []
    }
  }

  /// Copies the new keys and values into the cache: twice their bytes over bandwidth, or one launch. A work item copies 64
  /// rows (token, key-value head).
  ///
  /// The interpreter's keys and values are those of the cache already: the actions only mark the rows as used.
  func append(on device: Device) throws(ScheduleError) -> Kernel {
    let rows = 64
    let columns = shape.headDim + shape.headDimV
    let bytes = Double(rows * columns * shape.dataType.bytes)
    return try Stream(
      "cache_append", schedule: schedule, role: .preprocess, total: shape.totalQueries * shape.headsKV,
      each: rows
    ).build(on: device) { builder in
      let copied = Action.fill(builder.registers("rows", rows, columns, shape.dataType), 0)
      Stream.load("load places", bytes: Double(8 * rows), chain: Chain(alu: 4), copied)
      Stream.load("load new rows", bytes: bytes, instructions: (0, bytes / 16), copied)
      Stream.store("store into pages", bytes: bytes, instructions: (0, bytes / 16), copied)
    }
  }

  /// A copy of the queries or outputs into another order of heads: a framework's strided copy, four elements a lane.
  ///
  /// - Source: Dao-AILab/flash-attention csrc/flash_attn/flash_api.cpp, `seqlenq_ngroups_swapped`: the groups of a single
  ///   query become rows, which takes a copy of Q before, one of O after, and one into the caller's tensor.
  func permute(_ name: String, on device: Device) throws(ScheduleError) -> Kernel {
    let elements = 4 * 128
    let bytes = Double(elements * shape.dataType.bytes)
    return try Stream(
      name, schedule: schedule, role: .rearrange,
      total: shape.headsQ * shape.totalQueries * max(shape.headDim, shape.headDimV), each: elements
    ).build(on: device) { builder in
      let copied = Action.fill(builder.registers("elements", 1, elements, shape.dataType), 0)
      // Index arithmetic with divisions, for each element.
      Stream.load(
        "load", bytes: bytes, instructions: (0, 30 * Double(elements)), chain: Chain(alu: 30), copied)
      Stream.store("store", bytes: bytes, instructions: (0, Double(elements)), copied)
    }
  }

  /// Reads the lengths of a batch, counts tiles and zeroes the scheduler's counter: a chain of latencies on one core.
  private func prepare(on device: Device) throws(ScheduleError) -> Kernel {
    var stream = Stream("prepare_varlen", schedule: schedule, role: .preprocess, total: 1, each: 1)
    (stream.threads, stream.sharedBytes) = (1024, 1024)
    let threads = Double(stream.threads)
    return try stream.build(on: device) { builder in
      let counts = Action.fill(builder.registers("tiles", 1, 1), 0)
      Stream.load("load lengths", bytes: Double(12 * shape.batch), chain: Chain(alu: 4), counts)
      // Divisions by the tile sizes, the sum over a warp's batches, the sum over warps.
      Operation(
        "count tiles", .vector,
        work: .of {
          $0.alu = threads * 60
          $0.shuffle = threads * 5
        }, chain: Chain(alu: 60, shuffle: 5, shared: 2), action: counts)
      Stream.store("store counts", bytes: Double(16 * shape.batch), counts)
    }
  }
}
