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
  public static let evaluatesMasks = true
  public static let summary =
    "NATTEN's fused neighborhood attention, forward, with token permutation (Hopper)"
  package static let queryTile = ParameterDescription(
    name: "tile-q", summary: "query tile, AxBxC; auto takes the first of NATTEN's table", defaultValue: "auto"
  )
  static let keyTile = ParameterDescription(
    name: "tile-kv",
    summary: "key tile, AxBxC; auto takes the first of the table that goes with the query tile",
    defaultValue: "auto")
  static let kernel = ParameterDescription(
    name: "kernel", summary: "cooperative: one work item a launch; pingpong: persistent",
    choices: ["auto", "cooperative", "pingpong"], defaultValue: "auto")
  static let permute = ParameterDescription(
    name: "permute",
    summary: "copy tokens into the order of tiles and back; off times the attention kernel alone",
    choices: ["auto", "off"], defaultValue: "auto")
  public static let parameters = [queryTile, keyTile, kernel, permute]

  private let queryChoice: String
  private let keyChoice: String
  private let isPersistent: Bool
  private let permutes: Bool

  public init(parameters: ScheduleParameters) throws(ScheduleError) {
    try parameters.requireKnown(Self.parameters)
    queryChoice = try parameters.value(Self.queryTile)
    keyChoice = try parameters.value(Self.keyTile)
    isPersistent = try parameters.value(Self.kernel) == "pingpong"
    permutes = try parameters.value(Self.permute) == "auto"
  }

  public func program(for shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    for (part, isThere) in [
      ("asyncTensor", device.asyncTensor != nil), ("copyEngine", device.copyEngine != nil),
    ] where !isThere {
      throw .missingResource(schedule: Self.name, part: part, device: device.id)
    }
    guard shape.pass == .forward else {
      throw .unsupported(schedule: Self.name, field: "pass", message: "models the forward pass only")
    }
    guard shape.dataType == .bf16 || shape.dataType == .fp16 else {
      throw .unsupported(schedule: Self.name, field: "dtype", message: "models bf16 and fp16")
    }
    let neighborhood = try neighborhood(shape)
    guard shape.headDim == shape.headDimV, let table = GNATiles.table(shape.headDim, neighborhood.axes.count)
    else {
      throw .unsupported(
        schedule: Self.name, field: "head-dim", message: "takes head dimensions 32, 64, 128 and 256")
    }
    let tiles = try choose(table)
    let forward = try GNAHopperForward(
      shape: shape, neighborhood: neighborhood, tiles: tiles, isPersistent: isPersistent, permutes: permutes)
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
  private func neighborhood(_ shape: AttentionShape) throws(ScheduleError) -> Neighborhood {
    if case .neighborhood(let neighborhood) = shape.mask, neighborhood.order == nil { return neighborhood }
    if shape.mask == .none, shape.seqQ == shape.seqKV,
      let whole = try? Neighborhood(shape: [shape.seqQ], window: [shape.seqQ])
    {
      return whole
    }
    throw .unsupported(
      schedule: Self.name, field: "mask",
      message:
        "takes gna masks over tokens in row-major order, which it permutes itself, or none; not \(shape.mask)"
        + (shape.mask == .none ? " with other keys than queries" : ""))
  }

  private func choose(_ table: [GNATiles]) throws(ScheduleError) -> GNATiles {
    let wanted = (try tuple(queryChoice, Self.queryTile), try tuple(keyChoice, Self.keyTile))
    let found = table.first { tiles in
      (wanted.0 == nil || wanted.0 == tiles.query) && (wanted.1 == nil || wanted.1 == tiles.key)
    }
    guard let found else {
      let pairs = table.map { "\($0.name($0.query)) with \($0.name($0.key))" }
      throw .parameter(
        name: wanted.0 == nil ? "tile-kv" : "tile-q",
        message: "NATTEN has no such tiles here; it has \(pairs.joined(separator: ", "))")
    }
    return found
  }

  private func tuple(_ text: String, _ parameter: ParameterDescription) throws(ScheduleError) -> [Int]? {
    if text == "auto" { return nil }
    let parts = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
    let numbers = parts.compactMap { $0 }
    guard numbers.count == parts.count, numbers.allSatisfy({ $0 > 0 }) else {
      throw .parameter(name: parameter.name, message: "'\(text)' is no tile; write for example 2x8x8")
    }
    return numbers
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
