public import Attention
public import HWModels
public import Programs

/// Generalized neighborhood attention as NATTEN runs it on Hopper: token permutation, the fused kernel, and back.
///
/// - Shapes: Q `[batch, headsQ, tokens, headDim]`; K, V `[batch, headsKV, tokens, headDim]`; tokens of a grid of one to
///   three axes in row-major order (masks `gna:...` without a tile, or no mask for a window over everything).
/// - Models: the tile tables by head dimension; a producer warp that fills one ring of five slots with keys and values in
///   turn; two warpgroups that wait for their scores before softmax and issue the output product behind it; the mask
///   rule on every tile unless the whole problem is block-sparse by the kernel's own test; the walk of the bounding box
///   from the window of a tile's first slot to that of its last; permutation of Q, K, V and back of O as memory-bound
///   copies, left out where the tiles lie in the sequence already (one axis, no dilation, whole tiles).
/// - Leaves out: windows with extra context tokens, variable lengths, the backward pass.
/// - Source: SHI-Labs/NATTEN@8c8729f csrc/include/natten/cuda/fna_hopper and fmha_hopper,
///   src/natten/backends/configs/cutlass_hopper/__init__.py, src/natten/token_permute; instructions counted in the
///   kernels that nvcc 13 compiles from it (validation/natten_sass_h100.csv).
///
/// Expected per tile of 128 x 128 at head dim 128 (two warpgroups, H100): tensor 2 x (512 + 512) = 2048; exp 1024; issue
/// 8 x 461 / 4 = 922 without a mask, 1500 to 2000 with. A warpgroup's chain is scores (its own 512, behind what the other
/// has issued), softmax (about 990 alone, 1660 beside products) and the issue of the output product; the other's products
/// run meanwhile. The mask adds 257 (one axis), 301 and 410 (three) logic instructions a warp, which at 64 lanes a cycle
/// and core are 1030, 1200 and 1640 cycles for both warpgroups.
/// - Complexity: O(query tiles x runs of key tiles).
public struct GNAHopper: Schedule {
  public static let name = "gna-hopper"
  public static let summary =
    "NATTEN's fused neighborhood attention, forward, with token permutation (Hopper)"
  enum Dealing: String, CaseIterable { case auto, cooperative, pingpong }
  enum Permute: String, CaseIterable { case auto, off }
  static let queryTile = Parameter(
    auto: "tile-q", "query tile, AxBxC; auto takes the first of NATTEN's table", axes: 1...3, each: 1...256,
    dependsOn: several("query tiles") { Set($0.map(\.query)).count > 1 })
  static let keyTile = Parameter(
    auto: "tile-kv", "key tile, AxBxC; auto takes the first of the table that goes with the query tile",
    axes: 1...3, each: 1...256, dependsOn: several("key tiles") { Set($0.map(\.key)).count > 1 })
  static let kernel = Parameter(
    "kernel", "cooperative: one work item a launch; pingpong: persistent", default: Dealing.auto)
  static let permute = Parameter(
    "permute", "copy tokens into the order of tiles and back; off times the attention kernel alone",
    default: Permute.auto,
    dependsOn: Condition("tiles that do not lie in the sequence already") { call in
      guard let schedule = try? GNAHopper(values: call.values).forward(call.shape) else { return true }
      return schedule.isPermuted
    })
  public static let parameters: [any AnyParameter] = [queryTile, keyTile, kernel, permute]
  public static let needs = DeviceNeed.hopper
  public static let support = Support(.init(masks: .neighborhoods, heads: .equalOneOf([32, 64, 128, 256])))

  /// Head dimension and axes for which NATTEN's table has several tiles of a kind.
  private static func several(
    _ what: String, _ test: @escaping @Sendable ([GNATiles]) -> Bool
  ) -> Condition {
    Condition("a head dimension and a number of axes that have several \(what)") { call in
      guard let neighborhood = try? neighborhood(call.shape) else { return true }
      return GNATiles.table(call.shape.headDim, neighborhood.axes.count).map(test) ?? true
    }
  }

  public let values: ParameterValues
  public init(values: ParameterValues) { self.values = values }
  private var permutes: Bool { values[Self.permute] == .auto }

  private func forward(_ shape: AttentionShape) throws(ScheduleError) -> GNAHopperForward {
    let neighborhood = try Self.neighborhood(shape)
    guard let table = GNATiles.table(shape.headDim, neighborhood.axes.count) else {
      throw .unsupported(
        schedule: Self.name, field: "mask",
        message: "has no tiles for \(neighborhood.axes.count) axes with head dimension \(shape.headDim)")
    }
    return try GNAHopperForward(
      shape: shape, neighborhood: neighborhood, tiles: choose(table),
      isPersistent: values[Self.kernel] == .pingpong, permutes: permutes)
  }

  public func admittedProgram(for shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    let forward = try forward(shape)
    var kernels: [Kernel] = []
    if forward.isPermuted, permutes {
      for tensor in [Tensor.q, .k, .v] {
        kernels.append(
          try TokenPermutation(shape: shape, tensor: tensor, order: forward.order(tensor)).kernel(on: device))
      }
    }
    kernels.append(try forward.kernel(on: device))
    if forward.isPermuted, permutes {
      kernels.append(
        try TokenPermutation(shape: shape, tensor: .o, order: forward.order(.o)).kernel(on: device))
    }
    return Program(schedule: Self.name, shape: shape, kernels: kernels)
  }

  /// The token grid; without a mask one axis with a window over all of it.
  private static func neighborhood(_ shape: AttentionShape) throws(ScheduleError) -> Neighborhood {
    if case .neighborhood(let neighborhood) = shape.mask { return neighborhood }
    if let whole = try? Neighborhood(shape: [shape.seqQ], window: [shape.seqQ]) { return whole }
    throw .unsupported(
      schedule: Self.name, field: "seq", message: "has no axis of \(shape.seqQ) tokens")
  }

  private func choose(_ table: [GNATiles]) throws(ScheduleError) -> GNATiles {
    let query = Set(table.map(\.query)).count > 1 ? values[Self.queryTile]?.numbers : nil
    let key = Set(table.map(\.key)).count > 1 ? values[Self.keyTile]?.numbers : nil
    let found = table.first { tiles in
      (query == nil || query == tiles.query) && (key == nil || key == tiles.key)
    }
    guard let found else {
      let pairs = table.map { "\($0.name($0.query)) with \($0.name($0.key))" }
      throw .parameter(
        name: query == nil ? "tile-kv" : "tile-q",
        message: "NATTEN has no such tiles here; it has \(pairs.joined(separator: ", "))")
    }
    return found
  }
}

/// Tile shapes of NATTEN's Hopper kernels.
///
/// - Source: src/natten/backends/configs/cutlass_hopper/__init__.py, forward configurations.
public struct GNATiles: Sendable, Hashable {
  public let query: [Int]
  public let key: [Int]

  /// The pairs for a head dimension and a number of axes, the default first; nil where there are none.
  public static func table(_ headDim: Int, _ axes: Int) -> [GNATiles]? {
    func pairs(_ list: [([Int], [Int])]) -> [GNATiles] { list.map { GNATiles(query: $0.0, key: $0.1) } }
    switch (headDim, axes) {
    case (32, 1), (64, 1): return pairs([([64], [128])])
    case (128, 1): return pairs([([128], [128])])
    case (256, 1): return pairs([([128], [64])])
    case (32, 2), (64, 2): return pairs([([8, 8], [16, 8]), ([8, 8], [8, 16])])
    case (128, 2): return pairs([([16, 8], [16, 8])])
    case (256, 2): return pairs([([16, 8], [8, 8]), ([8, 16], [8, 8])])
    case (32, 3), (64, 3): return pairs([([4, 4, 4], [4, 4, 8]), ([4, 4, 4], [2, 8, 8])])
    case (128, 3): return pairs([([4, 4, 8], [4, 4, 8]), ([2, 8, 8], [2, 8, 8])])
    case (256, 3): return pairs([([4, 4, 8], [4, 4, 4]), ([2, 8, 8], [4, 4, 4])])
    default: return nil
    }
  }

  package func name(_ tile: [Int]) -> String { tile.map(String.init).joined(separator: "x") }
}
