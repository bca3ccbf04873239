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

  func kernel(on device: Device) throws(ScheduleError) -> Kernel {
    let tokens = 32
    // Columns of position.
    let columns = shape.headDim - shape.headDimV
    let total = shape.batch * shape.seqQ
    let used = min(tokens, total)
    let elements = Double(tokens * columns)
    let bytes = Double(used * columns * 2)
    // Beside the heads: one for the key's position part, eight for the rest of it.
    let items = (total + tokens - 1) / tokens * (shape.headsQ + 9)
    var stream = Stream("rope_append", schedule: schedule, role: .preprocess, total: items, each: 1)
    (stream.threads, stream.sharedBytes) = (256, 1024)
    return try stream.build(on: device) { builder in
      let moved = Action.fill(builder.registers("part", tokens, columns, shape.dataType), 0)
      Stream.load("load lengths", bytes: Double(4 * used), chain: Chain(alu: 20), moved)
      Stream.load(
        "load angles and numbers", bytes: bytes, instructions: (elements, elements / 8 * 6),
        chain: Chain(alu: 10), moved)
      Operation("turn", .vector, work: .of { $0.fma = 2 * elements }, chain: Chain(alu: 4))
      Stream.store(
        "store", bytes: bytes, instructions: (0, elements / 8), chain: Chain(alu: 10), moved)
    }
  }
}
