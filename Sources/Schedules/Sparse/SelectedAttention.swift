public import Attention
public import HWModels
public import Programs

/// Sparse attention that chooses its blocks at run time: the kernels that choose, then attention over what they chose.
///
/// - Shapes: Q `[batch, headsQ, seqQ, headDim]`; K, V `[batch, headsKV, seqKV, headDim]`.
/// - Models: the phases of each family one by one, in the report too; the mask of the call is what they choose, so it is
///   given (`block_sparse:...`, `& causal` where the family is causal) and decides how long the attention phase takes.
///   - `pooled` (SpargeAttn stage 1, MInference block-sparse): scores of pooled blocks; the block-list kernel.
///   - `permuted` (PBS-Attn): the same after keys and values are sorted inside segments of 256.
///   - `vertical-slash` (MInference): scores of the last 64 queries, column and diagonal sums, index lists; tiles of 64 x 64.
///   - `moba` (MoBA): a gate for each query, gathered queries, one part of attention for each block, a merge.
///   - `nsa` (NSA): compressed attention and its best blocks; one query position an item, the heads of a group as rows,
///     padded to the 16 rows of a matrix instruction.
///   - `fsa` (FSA): the same choice; blocks of keys outside, gathered queries inside, partial outputs, a merge.
///   - `bsfa` (BSFA): nothing is chosen beforehand: all scores are computed, and tiles whose largest score is low skip
///     values, softmax and output product.
/// - Leaves out: making scores sparse by similarity tests and low precision (SpargeAttn), packing of single columns into
///   tiles (vertical-slash: columns are blocks of the mask), the window branch and the gated sum of NSA, MoBA's copy of keys
///   and values, host time between launches.
/// - Source: thu-ml/SpargeAttn spas_sage_attn/core.py; xinghaow99/pbs-attn@65fd43f pbs_attn/src/pbs.py; microsoft/MInference
///   minference/ops/pit_sparse_flash_attention_v2.py, moba.py (MoBA's `MixedAttention`); Relaxed-System-Lab/
///   Flash-Sparse-Attention fsa/ops/FSA_topk_sparse_attention.py; Danielohayon/Block-Sparse-Flash-Attention kernel_src.
///
/// Expected: the attention phase per visited tile as `flex` (where products are asynchronous) or `fa2`; the phases before it
/// as `SelectionPhases` says. `bsfa` spends the score product and half of the key-value bytes on every tile of the dense
/// grid, so that it cannot be more than about twice as fast as dense attention.
/// - Complexity: about O(blocks visited) to build.
public struct SelectedAttention: Schedule {
  public static let name = "sparse"
  public static let summary =
    "Sparse attention that selects at run time, forward: selection phases, then attention over the blocks of the mask"
  enum Family: String, CaseIterable {
    case pooled, permuted
    case verticalSlash = "vertical-slash"
    case moba, nsa, fsa, bsfa
  }
  enum Phases: String, CaseIterable { case all, attention }
  static let family = Parameter(
    "family", "how blocks are selected and walked", default: Family.pooled)
  static let block = Parameter(
    "block", "keys of a block: auto takes 512; other families have blocks of one size",
    in: 128...65_536, multipleOf: 128, default: Auto.auto, dependsOn: family.is("moba"))
  static let columns = Parameter(
    "columns", "columns that are selected", in: 1...1 << 20, default: 1000,
    dependsOn: family.is("vertical-slash") && phases.is("all"))
  static let diagonals = Parameter(
    "diagonals", "diagonals that are selected", in: 1...1 << 20, default: 6096,
    dependsOn: family.is("vertical-slash") && phases.is("all"))
  static let phases = Parameter(
    "phases", "all, or attention without what selects and rearranges before it", default: Phases.all,
    dependsOn: family.isNot("bsfa"))
  public static let parameters: [any AnyParameter] = [family, block, columns, diagonals, phases]
  public static let needs = DeviceNeed.ampere
  public static let support = Support(
    .init(when: family.isNot("nsa"), masks: .any, heads: .equalUpTo(256)),
    .init(when: family.is("nsa"), masks: .anyForAllHeads, heads: .equalUpTo(256), largestGroup: 128))

  public let values: ParameterValues
  public init(values: ParameterValues) { self.values = values }

  private var selects: Bool { values[Self.phases] == .all }
  private var hasSmallBlocks: Bool { [.verticalSlash, .nsa, .fsa].contains(values[Self.family]) }

  /// Keys of a block: what the family's kernel takes.
  private var keyBlock: Int {
    values[Self.family] == .moba ? values[Self.block].number ?? 512 : hasSmallBlocks ? 64 : 128
  }

  public func admittedProgram(for shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    // Tensors that a phase reads element by element are counted in whole numbers.
    let pairs = Double(shape.batch * shape.headsQ) * Double(shape.seqQ) * Double(shape.seqKV) / 64
    guard pairs < 1e15 else {
      throw .unsupported(
        schedule: Self.name, field: "seq", message: "takes calls with up to 6e16 query-key pairs")
    }
    do {
      return Program(schedule: Self.name, shape: shape, kernels: try kernels(shape, on: device))
    } catch let problem as MaskProblem {
      throw .unsupported(schedule: Self.name, field: "mask", message: problem.message)
    } catch let error as ScheduleError {
      throw error
    } catch {
      fatalError("unknown error of the sparse schedule: \(error)")
    }
  }

  // MARK: Families

  private func kernels(_ shape: AttentionShape, on device: Device) throws -> [Kernel] {
    let queryBlock = hasSmallBlocks ? 64 : 128
    let selection = SelectionPhases(
      schedule: Self.name, shape: shape, queryBlock: queryBlock, keyBlock: keyBlock)
    let code = MaskCode(shape.mask, besideListsOf: (queryBlock, min(keyBlock, 128)))
    switch values[Self.family] {
    case .moba:
      let parts = try BlockParts(shape: shape, keyBlock: keyBlock, tile: fa2Tile(shape, device))
      let before = selects ? try selection.gate(gathered: parts.rows, on: device) : []
      return before + [
        try forward(
          shape, parts.tile, .lists("moba_fwd", parts.items, parts.tile, code: code, partialElement: 2)
        ).kernel(on: device),
        try BlockMerge(
          schedule: Self.name, shape: shape, parts: parts.parts, tileRows: parts.tile.queryTile,
          partialElement: 2
        ).kernel(on: device),
      ]
    case .nsa:
      let before = selects ? try selection.compressed(on: device) : []
      return before + [try oneQuery(shape, code, on: device)]
    case .fsa:
      let mask = try BlockMask(shape, queryBlock: queryBlock, keyBlock: keyBlock)
      let gathered = GatheredQueries(
        schedule: Self.name, shape: shape, rows: mask, queryTile: queryBlock, keyBlock: keyBlock, code: code)
      var before: [Kernel] = []
      if selects {
        before =
          try selection.compressed(on: device)
          + selection.blockToQueries(gathered: gathered.gatheredRows, on: device)
      }
      return before + [
        try gathered.kernel(on: device),
        try BlockMerge(
          schedule: Self.name, shape: shape, parts: gathered.parts, tileRows: queryBlock, partialElement: 4
        ).kernel(on: device),
      ]
    case .bsfa:
      return [try voting(shape, code, on: device)]
    case .verticalSlash:
      let before =
        selects
        ? try selection.verticalSlash(
          columns: values[Self.columns], diagonals: values[Self.diagonals], on: device) : []
      let tile = FlashAttention2Tile(shape: shape, queryTile: 64, keyTile: 64, warps: 4)
      return before + [
        try forward(shape, tile, try lists("sparse_fwd", shape, tile, block: 64, code)).kernel(on: device)
      ]
    case .pooled, .permuted:
      var before: [Kernel] = []
      if selects {
        if values[Self.family] == .permuted {
          before += try selection.keyPermutation(segment: 256, on: device)
        }
        before += try selection.pooledScores(on: device)
      }
      return before + [try blockList(shape, code, on: device)]
    }
  }

  /// The kernel of `flex` where the device has its products, else FlashAttention-2's loop: what a compiler makes
  /// of a kernel with block lists.
  private func blockList(
    _ shape: AttentionShape, _ code: MaskCode, on device: Device
  ) throws -> Kernel {
    guard DeviceNeed.warpgroupProducts.isMet(by: device) else {
      let tile = fa2Tile(shape, device)
      return try forward(shape, tile, try lists("sparse_fwd", shape, tile, block: 128, code)).kernel(
        on: device)
    }
    let tile = FlexTile(shape: shape)
    let items = try BlockMaskItems(shape: shape, block: 128, queryTile: tile.queryTile, keyTile: tile.keyTile)
    return try FlexAttentionForward(shape: shape, tile: tile, listedCode: code).kernel(
      items: items.items { FlexAttentionForward.Steps(partial: .init($0), full: .init($1)) }, on: device)
  }

  private func fa2Tile(_ shape: AttentionShape, _ device: Device) -> FlashAttention2Tile {
    FlashAttention2Tile(shape: shape, device: device)
  }

  private func forward(
    _ shape: AttentionShape, _ tile: FlashAttention2Tile, _ walk: KeyWalk, packedHeads: Int = 1
  ) -> FlashAttention2Forward {
    FlashAttention2Forward(
      shape: shape, tile: tile, walk: walk, packedHeads: packedHeads, schedule: Self.name)
  }

  private func lists(
    _ name: String, _ shape: AttentionShape, _ tile: FlashAttention2Tile, block: Int, _ code: MaskCode,
    packedHeads: Int = 1
  ) throws -> KeyWalk {
    let items = try BlockMaskItems(
      shape: shape, block: block, queryTile: tile.queryTile, keyTile: tile.keyTile, packedHeads: packedHeads)
    return .lists(
      name, items.items { FlashAttention2Forward.Steps.list(partial: $0, full: $1) }, tile, code: code)
  }

  /// One query position an item; its rows are the heads of the group. Heads with masks of their own have no common list.
  private func oneQuery(_ shape: AttentionShape, _ code: MaskCode, on device: Device) throws -> Kernel {
    let tile = FlashAttention2Tile(
      shape: shape, queryTile: shape.group, keyTile: 64, warps: shape.group > 64 ? 8 : 4)
    return try forward(
      shape, tile, try lists("nsa_fwd", shape, tile, block: 64, code, packedHeads: shape.group),
      packedHeads: shape.group
    ).kernel(on: device)
  }

  /// Every tile up to the diagonal of a causal mask, or all; those that the mask does not list stop after their scores.
  private func voting(_ shape: AttentionShape, _ code: MaskCode, on device: Device) throws -> Kernel {
    let tile = fa2Tile(shape, device)
    var dense = shape
    dense.mask = shape.mask.isWithinCausal ? .causal : .none
    let all = try BlockMaskItems(
      shape: dense, block: 128, queryTile: tile.queryTile, keyTile: tile.keyTile)
    let items = try BlockMaskItems(
      shape: shape, block: 128, queryTile: tile.queryTile, keyTile: tile.keyTile)
    let kept = items.items(besides: all) {
      FlashAttention2Forward.Steps.list(partial: $0, full: $1, skipped: $2)
    }
    return try forward(shape, tile, .lists("bsfa_fwd", kept, tile, code: code, votes: true)).kernel(
      on: device)
  }
}

extension Mask {
  /// Whether it allows no pair that a causal mask forbids, as far as its form says.
  fileprivate var isWithinCausal: Bool {
    switch self {
    case .causal: true
    case .slidingWindow(_, let right): right == 0
    case .sink(_, _, .bottomRight): true
    case .intersection(let masks): masks.contains { $0.isWithinCausal }
    case .union(let masks): masks.allSatisfy { $0.isWithinCausal }
    default: false
    }
  }
}
