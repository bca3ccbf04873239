public import Attention
public import HWModels
public import Programs

/// FuseMax without interleaving (+Architecture): the one-pass cascade on elements that can do all of it, one tile after another.
///
/// Expected: as FuseMax, but the running maximum waits until the row maximum has gone down the array, `rows` cycles a tile, and
/// RNV stands behind SPNV of its own tile: max(QK + LM, RD + AV) + rows LM + RM + max(SLN + SLD, PRM + SPD) + max(SLNV, SPNV + RNV).
/// - Source: Nayak et al., MICRO 2024; micro24-fusemax-artifact@f543beb, src/accel/stall_proposal.py.
public struct FuseMaxArchitecture: Schedule {
  public static let name = "fusemax-architecture"
  public static let summary =
    "FuseMax's cascade and elements without interleaving: waits for each row maximum"
  public static let parameters = SpatialOptions.parameters
  public static let needs: [DeviceNeed] = [.spatial, .gridVector]
  public static let support = Support.spatial
  public let values: ParameterValues
  public init(values: ParameterValues) { self.values = values }

  public func admittedProgram(for shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    let call = try SpatialCall(Self.name, shape, on: device, SpatialOptions(values))
    let bound = try FuseMaxCall(call, keepsScores: false)
    return bound.program([
      .init("scores", [bound.qk, bound.lm, bound.rd, bound.av], stall: call.rows * bound.lm.cycles),
      .init("running maximum", [bound.rm]),
      .init("exponentials", [bound.sln, bound.sld, bound.prm, bound.spd]),
      .init("values", [bound.slnv, bound.spnv, bound.rnv]),
    ])
  }
}
