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
    let call = FlashAttention3Forward.Call(
      shape: shape, tile: tile, packedHeads: packed, pingPong: pingPong ?? tile.pingPong,
      slots: values[Self.stages])
    let kernel =
      try isCute
      ? FlashAttention3Forward.cute(call).kernel(on: device)
      : FlashAttention3Forward.cpp(
        call, splits: splits, isVarlen: isVarlen, page: copiesPages ? page : nil, on: device
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
