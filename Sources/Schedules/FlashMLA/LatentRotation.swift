import Attention
import HWModels
import Programs

/// The kernel that TensorRT-LLM launches before latent attention in a step: it turns the position part of the queries by their
/// place, and of the new token's key, and copies the key into the cache.
///
/// Expected (H100): work items of 32 tokens, one for each head and nine for the keys, 256 threads: the token's length, then
/// its angles and numbers, two waits of 350 to 650 cycles, some arithmetic and a store, about 1500; 256 bytes for each query
/// row.
/// - Source: NVIDIA/TensorRT-LLM cpp/tensorrt_llm/kernels/mlaKernels.cu, applyMLARopeAndAssignQKVKernelGeneration. The
///   numbers that the interpreter multiplies are turned already: the actions only mark what is moved.
struct LatentRotation {
  let schedule: String
  let shape: AttentionShape

  private static let tokens = 32
  private static let threads = 256.0
  /// Columns of position.
  private var columns: Int { shape.headDim - shape.headDimV }
  /// Work items beside those of the heads: one for the key's position part, eight for the rest of it.
  private static let keyItems = 9

  func kernel(on device: Device) throws(ScheduleError) -> Kernel {
    var builder = KernelBuilder(schedule: schedule, kernel: "rope_append")
    let total = shape.batch * shape.seqQ
    let used = min(Self.tokens, total)
    let elements = Double(Self.tokens * columns)
    let bytes = Double(used * columns * 2)
    let moved = TileRef(
      builder.buffer("part", .registers, rows: Self.tokens, columns: columns, type: shape.dataType))
    builder.actor("warps", warps: 8) { actor in
      actor.once {
        Operation(
          "load lengths", .loadStore, work: .of { $0.streamRead = Double(4 * used) },
          chain: Chain(alu: 20), action: .fill(moved, 0))
        Operation(
          "load angles and numbers", .loadStore,
          work: .of {
            $0.streamRead = bytes
            $0.otherInstructions = elements / 8 * 6
            $0.alu = elements
          }, chain: Chain(alu: 10), action: .fill(moved, 0))
        Operation("turn", .vector, work: .of { $0.fma = 2 * elements }, chain: Chain(alu: 4))
        Operation(
          "store", .loadStore,
          work: .of {
            $0.globalWrite = bytes
            $0.otherInstructions = elements / 8
          }, chain: Chain(alu: 10), action: .fill(moved, 0))
      }
    }
    let blocks = (total + Self.tokens - 1) / Self.tokens
    return try builder.build(
      items: .equal(blocks * (shape.headsQ + Self.keyItems)), policy: .grid(order: .tilesFastest),
      footprint: Footprint(threads: Int(Self.threads), registersPerThread: 32, sharedBytes: 1024),
      role: .preprocess, on: device)
  }
}
