public import Attention
public import HWModels
public import Programs

/// FuseMax's cascade on FLAT's machine (+Cascade): the 2-D array multiplies, everything else goes through the 1-D array, both at
/// once.
///
/// Expected: the larger of QK + SLNV and all the rest, of which LM, SLN and SLD take rows x (1 + x + 1) cycles a tile: the 1-D
/// array decides.
/// - Source: Nayak et al., MICRO 2024; micro24-fusemax-artifact@f543beb, src/accel/flat_pe_proposal.py.
public struct FuseMaxCascade: Schedule {
  public static let name = "fusemax-cascade"
  public static let summary = "FuseMax's one-pass cascade on FLAT's elements: softmax on the 1-D array"
  public static let parameters = SpatialOptions.parameters
  public static let needs: [DeviceNeed] = [.spatial]
  public static let support = Support.spatial
  public let values: ParameterValues
  public init(values: ParameterValues) { self.values = values }

  public func admittedProgram(for shape: AttentionShape, on device: Device) throws(ScheduleError) -> Program {
    let call = try SpatialCall(Self.name, shape, on: device, SpatialOptions(values))
    let bound = try FuseMaxCall(call, keepsScores: true)
    return bound.program([
      .init(
        "tiles",
        [
          bound.qk, bound.slnv, bound.lm, bound.rm, bound.sln, bound.sld, bound.prm, bound.spd, bound.rd,
          bound.spnv, bound.rnv, bound.av,
        ])
    ])
  }
}
