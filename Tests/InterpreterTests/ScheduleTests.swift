import HWModels
import Schedules
import Testing

@testable import Interpreter

@Suite("Every schedule computes attention")
struct ScheduleTests {
  /// References in double precision, shared by all schedules.
  static let references = ReferenceCache()

  @Test(
    "in every order, with every mask and pass", arguments: ScheduleRegistry.all.map { $0.name },
    Verification.MaskFamily.allCases)
  func schedules(name: String, mask: Verification.MaskFamily) throws {
    for pass in AttentionShape.Pass.allCases {
      let report = try verify(name, mask, pass)
      if report.cases.isEmpty { continue }
      #expect(report.cases.count >= 30)
      let failures = report.cases.filter { $0.failure != nil }
      for failure in failures { Issue.record("\(name)\n\(failure.lines.joined(separator: "\n"))") }
    }
  }

  private func verify(
    _ name: String, _ mask: Verification.MaskFamily, _ pass: AttentionShape.Pass
  ) throws -> VerificationReport {
    let schedule = try #require(ScheduleRegistry[name]).init(parameters: ScheduleParameters())
    let shapes = Verification.shapes(mask, pass: pass, seed: 2026)
      .prefix(120).filter { (try? schedule.program(for: $0, on: .roomy)) != nil }.prefix(30)
    return Verification.run(
      schedule: schedule, device: .roomy, shapes: Array(shapes), orders: 20, seed: 7,
      references: Self.references)
  }
}
