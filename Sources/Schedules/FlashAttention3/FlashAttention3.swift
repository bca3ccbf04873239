public import Attention
public import HWModels
public import Programs

/// FlashAttention-3 on Hopper: a producer warp copies tiles, two or three warpgroups compute. The backward pass is in
/// `FlashAttention3Backward`.
///
/// - Shapes: Q `[batch, headsQ, seqQ, headDim]`; K, V `[batch, headsKV, seqKV, headDim(V)]`.
/// - Models: copy-engine loads through K and V rings of two stages, asynchronous products with the second operand
///   from registers or shared memory, the overlap of softmax with the second product inside a warpgroup, ping-pong
///   order between warpgroups, masked first steps, epilogue through shared memory, both builds' tile schedulers.
///   Masks that are no band run on the CuTe build's lists of 128 x 128 blocks, as in `FlexFlash`.
///   As a serving engine calls it (`layout`, C++ build): the kernel that counts the tiles of a batch of given lengths,
///   the copy of new keys and values into the pages of the cache, pages read by the producers' own copies.
///   Keys in parts with the kernel that merges them, by the scheduler's rule (C++ build, see `FlashAttention3Splits`).
///   Batches of different lengths: keys alone by `seqused_k`; queries too by `cu_seqlens_q`, where the CuTe build launches as
///   many work items as the batch could have tiles and each finds its sequence by itself. The C++ build's preparing kernel
///   sorts the sequences, the longest first, and chooses the parts of each.
/// - Leaves out: FP8, softcap.
/// - Source: Shah et al. 2024, "FlashAttention-3", Algorithm 2; Dao-AILab/flash-attention@0251105
///   flash_attn/cute/flash_fwd_sm90.py and interface.py (`build=cute`), hopper/tile_size.h,
///   hopper/mainloop_fwd_sm90_tma_gmma_ws.hpp, hopper/tile_scheduler.hpp (`build=cpp`).
///
/// Expected per step of 128 x 128 at head dim 128 (two warpgroups, 4096 flop, 16 exp, 128 B a cycle and core):
/// tensor 2 x (512 + 512) = 2048; shared 2 x (384 + 256) read, 512 written = 1792; exp 2 x 512 = 1024; issue about
/// 2 x 470. No unit is full: the chain of one warpgroup (products, maximum, exponentials, sum, conversion, rescale,
/// its turn again) sets the pace.
/// - Complexity: O(query tiles) to build.
public struct FlashAttention3: Schedule {
  public static let name = "fa3"
  public static let summary =
    "FlashAttention-3, both passes: warp-specialised, copy engine, asynchronous products (Hopper)"
  enum Build: String, CaseIterable { case cute, cpp }
  enum Choice: String, CaseIterable { case auto, on, off }
  enum Splits: String, CaseIterable { case auto, rule }
  static let build = Parameter(
    "build", "cute: one work item per query tile; cpp: persistent, clusters", default: Build.cute)
  static let packHeads = Parameter(
    "pack-gqa", "pack the query heads of a group into the rows of a tile; kernels for split keys always do",
    default: Choice.auto,
    dependsOn: .forward && .groupedHeads && .oneMaskForAllHeads && splits.is("auto", "rule", "1"))
  static let pingPong = Parameter(
    "ping-pong", "ordered turns of the warpgroups", default: Choice.auto, dependsOn: .forward)
  static let stages = Parameter(
    "stages", "slots of the K and V rings", in: 1...16, default: 2, dependsOn: .forward)
  static let splits = Parameter(
    "splits",
    "parts of each sequence's keys; rule: as its scheduler chooses; auto: rule with layout=paged, else 1",
    in: 1...FlashAttention3Splits.most, default: Splits.auto, dependsOn: ofBuild)
  static let layout = ServingKernels.layout(dependsOn: ofBuild)
  static let pageSize = Parameter(
    "page-size", "tokens of a page of the cache", in: 1...65_536, default: 64,
    dependsOn: ofBuild && layout.is("paged"))
  /// What only the C++ build has, in its forward kernels.
  private static let ofBuild = build.is("cpp") && .forward && .bandMask
  public static let parameters: [any AnyParameter] = [
    build, packHeads, pingPong, stages, splits, layout, pageSize,
  ]
  public static let needs = DeviceNeed.hopper
  public static let support = Support(
    .init(
      masks: .bands,
      batches: BatchSupport(
        keyLengths: true, queryLengths: .always,
        sharedPrefix: .wholePages("build=cpp, layout=paged and page-size") {
          $0[layout] == .paged ? $0[pageSize] : nil
        })),
    .init(when: build.is("cute"), passes: [.backward], masks: .bands),
    .init(when: build.is("cpp"), passes: [.backward], masks: .bands, heads: .equalUpTo(256)),
    .init(when: build.is("cute"), masks: .any))

  public let values: ParameterValues
  public init(values: ParameterValues) { self.values = values }

  var isCute: Bool { values[Self.build] == .cute }
  /// nil where the kernel's tiles decide.
  private var pingPong: Bool? {
    values[Self.pingPong] == .auto ? nil : values[Self.pingPong] == .on
  }
  private func splitChoice(_ layout: ServingKernels.Layout) -> FlashAttention3Splits.Choice {
    switch isCute ? .number(1) : values[Self.splits] {
    case .word(.auto): layout == .paged ? .rule : .number(1)
    case .word(.rule): .rule
    case .number(let count): .number(count)
    }
  }

  public func admittedProgram(for shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    if shape.mask.band(seqQ: shape.seqQ, seqKV: shape.seqKV) == nil { return try listed(shape, on: device) }
    if shape.pass == .backward { return try backward(shape, on: device) }
    // The C++ build takes lengths from a table, and prepares it.
    let asked = isCute ? .dense : values[Self.layout]
    let layout = asked == .dense && !isCute && shape.lengths != nil ? .varlen : asked
    let isVarlen = layout != .dense
    let page = layout == .paged ? values[Self.pageSize] : nil
    let inARow = FlashAttention3Tile(shape: shape, isCute: isCute)
    // The copy engine takes pages that hold whole tiles, and only for more rows than a tile has (heuristics.h,
    // `get_pagedkv_tma`).
    let copiesPages =
      page.map { $0 % inARow.keyTile != 0 || shape.seqQ * shape.group <= inARow.queryTile } ?? false
    let tile =
      copiesPages ? FlashAttention3Tile(shape: shape, isCute: isCute, copiesPages: true) : inARow
    let splits = FlashAttention3Splits(
      shape: shape, tile: tile, isVarlen: isVarlen, cores: Int(device.cores.count.value),
      choice: splitChoice(layout))
    // Both always pack the heads of a group (flash_api.cpp, `get_pack_gqa`).
    let packed =
      splits.isCompiled || copiesPages ? shape.group : packedHeads(shape, tile, isVarlen: isVarlen)
    let kernel = try FlashAttention3Forward(
      shape: shape, tile: tile, isCute: isCute, packedHeads: packed,
      pingPong: pingPong ?? tile.pingPong, ringSlots: values[Self.stages],
      isVarlen: isVarlen, page: copiesPages ? page : nil, splits: splits.parts,
      partsOfRuns: splits.partsOfRuns
    ).kernel(on: device)
    var launches = try ServingKernels(schedule: Self.name, shape: shape).kernels(layout: layout, on: device)
      .map { Launch($0) }
    // With lengths from a table, both kernels start beside the end of the one before: the main one where one work item
    // prepares, the combining one always (flash_api.cpp, flash_fwd_kernel_sm90.h).
    let isPrepared = isVarlen && shape.batch <= FlashAttention3Splits.mostSequences
    launches.append(Launch(kernel, start: isPrepared ? .besideEnd : .afterEnd))
    if splits.isCompiled {
      let combine = try FlashAttention3Combine(shape: shape, partsOfRuns: splits.partsOfRuns).kernel(
        on: device)
      launches.append(Launch(combine, start: isVarlen ? .besideEnd : .afterEnd))
    }
    return Program(schedule: Self.name, shape: shape, body: .launches(launches))
  }

  /// A mask that is no band: the CuTe build's kernel with block lists, which `flex-flash` calls.
  private func listed(_ shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    let forward = try FlashAttention3Forward.blockSparse(
      shape, schedule: Self.name, packs: values[Self.packHeads] != .off, pingPong: pingPong,
      ringSlots: values[Self.stages])
    return Program(
      schedule: Self.name, shape: shape, kernels: [try forward.kernel(on: device)],
      warnings: [.listsOfBlocks(shape.mask)])
  }

  /// Query heads packed into a tile.
  ///
  /// The CuTe build packs every grouped call (interface.py), the C++ build every one of varying lengths. Else the C++ build packs where the rows that a tile fills
  /// without packing are fewer than nine tenths of those it fills with (heuristics.h, `should_pack_gqa`).
  private func packedHeads(_ shape: AttentionShape, _ tile: FlashAttention3Tile, isVarlen: Bool) -> Int {
    let choice = values[Self.packHeads]
    guard shape.group > 1, choice != .off else { return 1 }
    if choice == .on || isCute || isVarlen { return shape.group }
    func filled(_ rows: Int) -> Double {
      let tiles = (rows + tile.queryTile - 1) / tile.queryTile
      return Double(rows) / Double(tiles * tile.queryTile)
    }
    return filled(shape.seqQ) < 0.9 * filled(shape.seqQ * shape.group) ? shape.group : 1
  }
}

/// Tile rules of FlashAttention-3's forward kernels.
struct FlashAttention3Tile {
  let queryTile: Int
  let keyTile: Int
  /// P is the register operand of the second product; otherwise it goes through shared memory.
  let probabilitiesInRegisters: Bool
  let pingPong: Bool
  /// Head dimensions as the kernel pads them.
  let headDim: Int
  let headDimV: Int

  var warpgroups: Int { queryTile / 64 }

  /// A tile with P in registers and turns of the warpgroups.
  init(queryTile: Int, keyTile: Int, headDim: Int, headDimV: Int) {
    self.queryTile = queryTile
    self.keyTile = keyTile
    self.headDim = headDim
    self.headDimV = headDimV
    probabilitiesInRegisters = true
    pingPong = true
  }

  /// One warpgroup where it holds all query rows of a head, a group's packed ones together (C++ build: heuristics.h,
  /// `use_one_mma_wg`; the tiles are those compiled into sglang-kernel 0.4.3).
  ///
  /// - Parameter copiesPages: keys come from a paged cache by copies of the producer's threads.
  init(shape: AttentionShape, isCute: Bool, copiesPages: Bool = false) {
    func padded(_ dimension: Int) -> Int { [64, 96, 128, 192, 256].first { dimension <= $0 } ?? 256 }
    headDim = padded(shape.headDim)
    headDimV = padded(shape.headDimV)
    let isCausal = shape.mask != .none
    var isLocal = false
    if case .slidingWindow = shape.mask { isLocal = true }
    let isSmall = !isCute && shape.pass == .forward && shape.seqQ * shape.group <= 64
    switch (headDim, isCute) {
    case (64, false) where isSmall && headDimV == 64:
      (queryTile, keyTile, probabilitiesInRegisters) = (64, 192, true)
    case (128, false) where isSmall && headDimV == 128:
      (queryTile, keyTile, probabilitiesInRegisters) = (64, isCausal || copiesPages ? 128 : 176, true)
    case (64, true): (queryTile, keyTile, probabilitiesInRegisters) = (192, 128, true)
    case (64, false):
      (queryTile, keyTile, probabilitiesInRegisters) =
        !isLocal && (isCausal || copiesPages) ? (192, 128, true) : (192, 192, false)
    case (96, true): (queryTile, keyTile, probabilitiesInRegisters) = (192, isCausal ? 128 : 144, false)
    case (96, false):
      (queryTile, keyTile, probabilitiesInRegisters) = (192, isLocal || copiesPages ? 128 : 144, false)
    case (128, true): (queryTile, keyTile, probabilitiesInRegisters) = (128, 128, true)
    case (128, false):
      (queryTile, keyTile, probabilitiesInRegisters) = (128, isCausal || copiesPages ? 128 : 176, true)
    case (192, _):
      (queryTile, keyTile, probabilitiesInRegisters) = (
        128, isLocal || copiesPages ? 96 : headDimV <= 128 ? 128 : 112, true
      )
    default: (queryTile, keyTile, probabilitiesInRegisters) = (128, isLocal ? 64 : 80, true)
    }
    // Turns are taken with at least two warpgroups and head dimension up to 128.
    pingPong = headDim <= 128 && queryTile > 64
  }

  /// Tiles of the CuTe build under a block mask of `block` x `block`, or nil where they do not divide it.
  ///
  /// Source: flash_attn/cute/interface.py, `_tile_size_fwd_sm90` with a sparse block size.
  init?(shape: AttentionShape, block: Int) {
    var dense = shape
    dense.mask = .none
    let tile = FlashAttention3Tile(shape: dense, isCute: true)
    let keyTile = tile.headDim == 96 ? 128 : tile.keyTile
    guard block % 128 == 0, block % keyTile == 0 else { return nil }
    queryTile = block % tile.queryTile == 0 ? tile.queryTile : 128
    self.keyTile = keyTile
    probabilitiesInRegisters = tile.probabilitiesInRegisters
    pingPong = tile.pingPong
    headDim = tile.headDim
    headDimV = tile.headDimV
  }
}
