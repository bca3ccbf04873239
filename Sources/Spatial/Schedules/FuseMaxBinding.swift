public import Attention
public import HWModels
public import Programs

/// FuseMax as published: the one-pass cascade on elements that can do all of it, epochs of neighbouring tiles interleaved so that
/// neither array waits for the other's result of the same tile.
///
/// Expected: max(QK + LM, RD + RNV + AV) + RM + max(SLN + SLD, PRM + SPD) + max(SLNV, SPNV) busy cycles, for BERT (E = F = 64)
/// 138 a tile of which the 2-D array works 137.
/// - Source: Nayak et al., MICRO 2024; micro24-fusemax-artifact@f543beb, src/accel/proposal.py.
public struct FuseMaxBinding: Schedule {
  public static let name = "fusemax-binding"
  public static let summary = "FuseMax: one-pass attention on a spatial array, tiles interleaved"
  public static let parameters = SpatialOptions.parameters
  public static let needs: [DeviceNeed] = [.spatial, .gridVector]
  public static let support = Support.spatial
  public let values: ParameterValues
  public init(values: ParameterValues) { self.values = values }

  public func admittedProgram(for shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    let call = try SpatialCall(Self.name, shape, on: device, SpatialOptions(values))
    let bound = try FuseMaxCall(call, keepsScores: false)
    return bound.program([
      .init("scores", [bound.qk, bound.lm, bound.rd, bound.rnv, bound.av]),
      .init("running maximum", [bound.rm]),
      .init("exponentials", [bound.sln, bound.sld, bound.prm, bound.spd]),
      .init("values", [bound.slnv, bound.spnv]),
    ])
  }
}
