public import Attention
import Dataflow
public import Programs
import Spatial

/// Every schedule the tool knows. A new one adds its file and one line here.
public enum ScheduleRegistry {
  public static let all: [any Schedule.Type] = [
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
  ]
  public static subscript(name: String) -> (any Schedule.Type)? { all.first { $0.name == name } }
}

extension Schedule {
  /// - Throws: `ScheduleError.unsupported` where the sequences of the batch are of a kind that the kernel does not take.
  public static func checkBatch(of shape: AttentionShape) throws(ScheduleError) {
    try checkLengths(of: shape)
    guard shape.sharedPrefix == 0 || takesSharedPrefix else {
      let names = ScheduleRegistry.all.filter { $0.takesSharedPrefix }.map { $0.name }
      throw .unsupported(
        schedule: name, field: "shared-prefix",
        message: "models batches without a shared prefix; with one: \(names.joined(separator: ", "))")
    }
  }

  /// - Throws: `ScheduleError.unsupported` where the batch has lengths of their own, of keys or of queries, and the kernel
  ///   takes none.
  public static func checkLengths(of shape: AttentionShape) throws(ScheduleError) {
    guard shape.lengths == nil || takesLengths else {
      let names = ScheduleRegistry.all.filter { $0.takesLengths }.map { $0.name }
      throw .unsupported(
        schedule: name, field: "lengths",
        message: "models batches of one length; different ones: \(names.joined(separator: ", "))")
    }
    guard !shape.hasQueryLengths || takesQueryLengths else {
      let names = ScheduleRegistry.all.filter { $0.takesQueryLengths }.map { $0.name }
      throw .unsupported(
        schedule: name, field: "lengths",
        message:
          "takes as many queries of every sequence; different ones: \(names.joined(separator: ", "))")
    }
  }
}
