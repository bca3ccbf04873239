public import Attention
public import HWModels
public import Programs

/// FlashAttention-2, forward pass: one work item owns a tile of queries and streams keys and values past it. The backward
/// pass is in `FlashAttention2Backward`.
///
/// - Shapes: Q `[batch, headsQ, seqQ, headDim]`; K, V `[batch, headsKV, seqKV, headDim(V)]`.
/// - Models: asynchronous copies of K and V into one slot each, both products by synchronous matrix instructions
///   with operands through `ldmatrix`, softmax between them, two work items per core where they fit, and the split
///   of the keys with its combine kernel where the grid is small. Batches of different lengths, read from a table: keys as
///   `mha_fwd_kvcache` takes them, every sequence in as many parts; queries too as `mha_varlen_fwd` does, unsplit, with as
///   many launches for every sequence as the longest needs, of which those beyond a sequence's end return at once. Masks that are no band run as in Block-Sparse-Attention, a
///   fork whose kernel walks lists of 128 x 128 blocks (`FlashAttention2+Blocks.swift`).
/// - Leaves out: dropout, ALiBi, softcap.
/// - Source: Dao 2023, "FlashAttention-2", Algorithm 1; Dao-AILab/flash-attention@0251105
///   csrc/flash_attn/src/flash_fwd_launch_template.h, flash_fwd_kernel.h, flash_api.cpp.
///
/// Expected per step of 128 x 64 at head dim 128 (four warps, H100, 2656 flop a cycle by mma.sync): tensor
/// 4.19 Mflop / 2656 = 1580; shared 160 KiB read and 32 KiB written = 1536; exp 8192 / 16 = 512. The products and
/// the softmax of one work item follow each other; only the second work item of the core overlaps them.
/// - Complexity: O(query tiles) to build.
public struct FlashAttention2: Schedule {
  public static let name = "fa2"
  public static let summary =
    "FlashAttention-2, both passes: one work item per tile, synchronous products (Ampere on)"
  /// Parts that a call may ask for, or whose rule chooses them.
  enum Splits: String, CaseIterable { case auto, grouped }
  static let splits = Parameter(
    "splits",
    "parts into which the keys are cut; auto applies the authors' rule; grouped does so where the heads of a group are packed",
    in: 1...128, default: Splits.auto, dependsOn: .forward && .bandMask)
  static let packHeads = Parameter(
    flag: "pack-gqa",
    "pack the query heads of a group into the rows of a tile, as serving builds of the kernel do",
    dependsOn: .forward && .bandMask && .groupedHeads)
  static let layout = ServingKernels.layout(dependsOn: .forward && .bandMask)
  // Upstream takes multiples of 256, vllm-project/flash-attention, which serving engines build, of 16.
  static let pageSize = Parameter(
    "page-size", "tokens of a page, where keys come from a paged cache; off: they lie in a row",
    in: 1...65_536, multipleOf: 16, default: Off.off, dependsOn: .forward && .bandMask)
  static let copyGradients = Parameter(
    flag: "copy-gradients",
    "O and dO lie in another order and are copied first, as PyTorch does with tensors head by head",
    dependsOn: .backward)
  public static let parameters: [any AnyParameter] = [splits, packHeads, layout, pageSize, copyGradients]
  public static let needs = DeviceNeed.ampere
  public static let support = Support(
    .init(
      masks: .bands, heads: .equalUpTo(256),
      batches: BatchSupport(
        keyLengths: true, queryLengths: splits.is("auto", "grouped", "1"),
        sharedPrefix: .wholePages("page-size") { $0[pageSize].number })),
    .init(passes: [.backward], masks: .bands, heads: .equalUpTo(256)),
    .init(masks: .any, heads: .equalUpTo(128)))

  public let values: ParameterValues
  public init(values: ParameterValues) { self.values = values }

  private var packsHeads: Bool { values[Self.packHeads] }
  /// Whether O and dO of a backward call are copied first.
  var copiesGradients: Bool { values[Self.copyGradients] }
  /// The entry point for variable lengths and paged keys: the split kernel's tiles always, parts only for packed heads.
  private var isVariableLength: Bool { values[Self.splits] == .word(.grouped) }

  public func admittedProgram(for shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    if shape.mask.band(seqQ: shape.seqQ, seqKV: shape.seqKV) == nil { return try listed(shape, on: device) }
    if shape.pass == .backward { return try backward(shape, on: device) }
    let packedHeads = packsHeads ? shape.group : 1
    let splits =
      (isVariableLength && packedHeads == 1) || shape.hasQueryLengths
      ? 1
      : values[Self.splits].number
        ?? FlashAttention2Tile.splits(of: shape, packedHeads: packedHeads, on: device)
    let tile =
      splits > 1 || isVariableLength
      ? FlashAttention2Tile(splitting: shape) : FlashAttention2Tile(shape: shape, device: device)
    let forward = FlashAttention2Forward(
      shape: shape, tile: tile, walk: try .band(shape, tile, packedHeads: packedHeads, splits: splits),
      packedHeads: packedHeads, pages: values[Self.pageSize].number.map { KeyPages(tokens: $0) })
    let serving = ServingKernels(schedule: Self.name, shape: shape)
    var kernels = try serving.kernels(layout: values[Self.layout], on: device)
    // The query heads of a single key-value head are rows already.
    let moves = isVariableLength && packedHeads > 1 && shape.headsKV > 1
    if isVariableLength {
      kernels.append(try serving.append(on: device))
      if moves { kernels.append(try serving.permute("permute_q", on: device)) }
    }
    kernels.append(try forward.kernel(on: device))
    if splits > 1 {
      kernels.append(try FlashAttention2Combine(shape: shape, splits: splits).kernel(on: device))
    }
    if isVariableLength, packedHeads > 1 {
      if moves { kernels.append(try serving.permute("permute_o", on: device)) }
      kernels.append(try serving.permute("copy_o", on: device))
    }
    return Program(schedule: Self.name, shape: shape, kernels: kernels)
  }
}
