import Attention
import HWModels
import Programs

/// What decode kernels take.
enum DecodeLimits {
  static let mostSplits = 1024
  /// Queries of a sequence: one, those of a speculative step, or a short prefill beside decode.
  static let mostQueries = 1024
  /// Work items of one kernel that are listed by class and place.
  static let mostItems = 1 << 22

  static func check(_ shape: AttentionShape, schedule: String) throws(ScheduleError) {
    let rows = Double(shape.headsQ) * Double(shape.totalQueries)
    guard rows <= Double(mostItems) else {
      throw .unsupported(
        schedule: schedule, field: "batch", message: "takes at most \(mostItems) query rows in all")
    }
  }

  static func check(items: Int, schedule: String) throws(ScheduleError) {
    guard items <= mostItems else {
      throw .unsupported(
        schedule: schedule, field: "splits", message: "would have \(items) work items, more than \(mostItems)"
      )
    }
  }
}
