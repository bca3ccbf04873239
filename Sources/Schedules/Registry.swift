import Dataflow
public import Programs
import Spatial

extension ScheduleRegistry {
  /// Every schedule of the tool. A new one adds its folder and one line here.
  public static let standard = ScheduleRegistry([
    FlashAttention2.self,
    FlashAttention3.self,
    FlexAttention.self,
    FlexFlash.self,
    SelectedAttention.self,
    GNAHopper.self,
    CuDNN.self,
    FlashDecoding.self,
    LeanAttention.self,
    FlashMLA.self,
    StreamingNaive.self,
    StreamingUnscaled.self,
    StreamingReordered.self,
    StreamingUnscaledReordered.self,
    StreamingMemoryFree.self,
    Unfused.self,
    Flat.self,
    FuseMaxCascade.self,
    FuseMaxArchitecture.self,
    FuseMaxBinding.self,
    UbiMoE.self,
    UbiMoEViT.self,
  ])
}
