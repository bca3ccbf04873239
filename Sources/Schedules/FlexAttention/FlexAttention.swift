public import Attention
public import HWModels
public import Programs

/// FlexAttention's Triton kernel, forward pass on Hopper: block lists, asynchronous products, no specialised warps.
///
/// - Shapes: Q `[batch, headsQ, seqQ, headDim]`; K, V `[batch, headsKV, seqKV, headDim(V)]`.
/// - Models: the walk over partial and then full blocks of 128 x 128, each through a three-slot ring filled by copies of
///   the warps themselves, the mask rule evaluated on partial blocks only, the scale applied by multiplications of its
///   own, sums reduced over lanes in every step, products that the compiler serialises where a warpgroup has 128 rows.
/// - Leaves out: making the block mask, score modifications, decoding (short queries take another kernel), descriptors.
/// - Source: pytorch torch/_inductor/kernel/flex/templates (common.py.jinja, flex_attention.py.jinja), tile table in
///   torch/_inductor/template_heuristics (H100); the compiled loops, validation/flex_sass_h100.csv.
///
/// Expected per step of 128 x 64 at head dim 128 (two warpgroups of 64 rows, H100): tensor 2 x (256 + 256) = 1024;
/// exp 512; issue 8 x 430 / 4 = 860. The two warpgroups meet at a barrier twice a step, so they are in phase: products
/// of both (567 until the second is seen), softmax of both (670 to 860), copies and loop control (335). Measured 1900
/// without a mask. Kernels with block lists take 2220: sums behind the output product (250) and eight addresses from two
/// list entries before the copies (124). Rules that read tables for each score: products waited for one by one, 2400.
/// At head dim 64 a step is 128 x 128 on one warpgroup, two work items a core: tensor 1024, exp 1056, chain of one warp
/// about 4600 with 24 products waited for one by one; measured 4690 for two.
/// - Complexity: about O(blocks visited) to build, O(query tiles) for bands.
public struct FlexAttention: Schedule {
  public static let name = "flex"
  public static let summary =
    "FlexAttention forward, Triton kernel: block lists with full and partial blocks (Hopper)"
  public static let needs = [DeviceNeed.warps, .warpgroupProducts]
  public static let support = Support(.init(masks: .any))
  /// Queries and keys of a block of the mask.
  package static let block = BlockMaskItems.flexBlock

  public let values: ParameterValues
  public init(values: ParameterValues) { self.values = values }

  public func admittedProgram(for shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    let tile = FlexTile(shape: shape)
    let items: ItemSpace
    do {
      items = try BlockMaskItems(
        shape: shape, block: Self.block, queryTile: tile.queryTile, keyTile: tile.keyTile
      )
      .items { FlexAttentionForward.Steps(partial: .init($0), full: .init($1)) }
    } catch {
      throw .unsupported(schedule: Self.name, field: "mask", message: error.message)
    }
    let kernel = try FlexAttentionForward(shape: shape, tile: tile).kernel(items: items, on: device)
    return Program(schedule: Self.name, shape: shape, kernels: [kernel])
  }
}

/// Tiles of FlexAttention's forward kernel by head dimension (H100 table of inductor's heuristics).
struct FlexTile {
  let queryTile: Int
  let keyTile: Int
  let warpgroups: Int
  let stages = 3
  /// Head dimensions as the kernel pads them: to powers of two.
  let headDim: Int
  let headDimV: Int
  var rowsPerGroup: Int { queryTile / warpgroups }
  /// ptxas serialises the products of a warpgroup whose tile takes two instructions side by side.
  var isSerialised: Bool { rowsPerGroup > 64 }

  init(shape: AttentionShape) {
    func padded(_ dimension: Int) -> Int { [16, 32, 64, 128, 256].first { dimension <= $0 } ?? 256 }
    headDim = padded(shape.headDim)
    headDimV = padded(shape.headDimV)
    switch shape.headDim {
    case 64: (queryTile, keyTile, warpgroups) = (128, 128, 1)
    case 128: (queryTile, keyTile, warpgroups) = (128, 64, 2)
    case 256: (queryTile, keyTile, warpgroups) = (64, 32, 1)
    default: (queryTile, keyTile, warpgroups) = (64, 64, 1)
    }
  }
}
