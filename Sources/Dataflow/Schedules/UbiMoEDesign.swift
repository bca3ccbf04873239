public import Attention
public import HWModels
import Programs

/// The sizes that UbiMoE leaves open, and its cycle counts in closed form.
///
/// Attention: memory words of `wordBits` bits carry B elements, so a token of D elements is W = D / B words. Each cycle one
/// key word meets `queries` resident queries. The queries of a group start one key after another, so that their rows do not
/// end together; the loop therefore runs over N + queries - 1 queries, in groups, and leaves the last group early where
/// that holds no new query:
///
///     steps = groups x keys, groups = ceil((N + P - 1) / P)          (a last group with a query of its own)
///     steps = (groups - 1) x keys + (N + P - 1) mod P                (a last group without)
///     cycles = steps x W
///
/// 129 tokens, 192 elements of 32 bits, 4 queries: 33 x 129 x 24 = 102,168. 197 tokens, 384 elements of 16 bits: 50 x 197 x
/// 24 = 236,400. The loop's cycles are what the kernel is busy with an image; the product with the values runs one group
/// of queries behind, so that one image takes keys x W more, and a few to fill.
///
/// Linear: a tile of `linearIn` x `linearOut` weights meets a token each cycle: N x ceil(in / linearIn) x ceil(out / linearOut).
///
/// - Source: Dong et al. 2025 (arXiv 2502.05602); github.com/DJ000011/UbiMoE, src/attention.cpp, src/linear.cpp, hardware.hpp.
public struct UbiMoEDesign: Sendable, Hashable {
  /// Queries that a key word meets in a cycle (ATTN_MATMUL_PARALLEL).
  public var queries = 4
  /// Inputs and outputs of the weight tile (LINEAR_IN_SIZE, LINEAR_OUT_SIZE).
  public var linearIn = 16
  public var linearOut = 16
  /// Bits of a memory word (AXI_XFER_BIT_WIDTH).
  public var wordBits = 256
  public var weightBits = 16

  public init() {}

  init(queries: Int, wordBits: Int) {
    self.queries = queries
    self.wordBits = wordBits
  }

  static let queriesParameter = Parameter(
    "queries", "queries that a key meets at once (ATTN_MATMUL_PARALLEL)", in: 1...largest, default: 4)
  static let linearParameter = Parameter<Size>(
    "linear", "weight tile of a linear kernel, inputs x outputs", axes: 2, each: 1...largest, default: "16x16"
  )
  static let wordParameter = Parameter(
    "word-bits", "bits of a memory word (AXI_XFER_BIT_WIDTH)", in: 1...largest, default: 256)
  static let weightParameter = Parameter("weight-bits", "bits of a weight", in: 1...64, default: 16)

  package static let largest = 4096

  /// What the kernels take, whatever the design.
  static let support = Support(.init(masks: .none, dataTypes: DataType.allCases, heads: .ungrouped))

  /// Elements of a memory word.
  public func block(_ type: DataType) -> Int { wordBits / (8 * type.bytes) }

  /// Words of a token, all heads together.
  public func words(_ shape: AttentionShape) -> Int { shape.headsQ * shape.headDim / block(shape.dataType) }

  /// Keys that meet a group of queries, over the whole run.
  public func steps(queries rows: Int, keys: Int) -> Int {
    let limit = rows + queries - 1
    let groups = (limit + queries - 1) / queries
    let overflow = limit % queries
    guard overflow > 0, (groups - 1) * queries >= rows else { return groups * keys }
    return (groups - 1) * keys + min(overflow, keys)
  }

  /// Cycles in which the attention kernel is busy with one image in one layer.
  public func attentionCycles(_ shape: AttentionShape) -> Int {
    steps(queries: shape.seqQ, keys: shape.seqKV) * words(shape)
  }

  /// Cycles of one product of `tokens` tokens with a matrix of weights.
  public func linearCycles(tokens: Int, inputs: Int, outputs: Int) -> Int {
    tokens * ((inputs + linearIn - 1) / linearIn) * ((outputs + linearOut - 1) / linearOut)
  }

  /// - Throws: where the design does not take the shape: a head has whole words.
  func require(_ shape: AttentionShape, schedule: String) throws(ScheduleError) {
    func refuse(_ field: String, _ message: String) -> ScheduleError {
      .unsupported(schedule: schedule, field: field, message: message)
    }
    if block(shape.dataType) < 1 {
      throw .parameter(
        name: "word-bits", message: "\(wordBits) bits hold no element of \(8 * shape.dataType.bytes) bits")
    }
    if shape.headDim % block(shape.dataType) != 0 {
      throw refuse(
        "head-dim",
        "streams words of \(wordBits) bits: a head dimension is a multiple of \(block(shape.dataType)) elements"
      )
    }
    if queries >= shape.seqKV {
      throw refuse("seq", "needs more keys than it takes queries at once (\(queries))")
    }
    if Double(steps(queries: shape.seqQ, keys: shape.seqKV)) * Double(words(shape)) > 1e17 {
      throw refuse("seq", "would take more than 1e17 cycles for this shape")
    }
  }
}
