import Attention
import Dataflow
import HWModels
import Programs
import Schedules
import Spatial
import Testing

@testable import Interpreter

/// Random batches, as `attnsim verify` draws them for schedules that take them.
@Suite struct RandomBatchTests {
  struct Choice: Sendable, CustomStringConvertible {
    var schedule: String
    var family: Verification.BatchFamily
    var description: String { "\(schedule) \(family.rawValue)" }

    static let all: [Choice] = ScheduleRegistry.standard.all.flatMap { type in
      Verification.BatchFamily.allCases.filter { $0.isTaken(by: type) }.map {
        Choice(schedule: type.name, family: $0)
      }
    }
  }

  static let shapes = 16

  @Test("Every schedule that takes batches of a kind computes them", arguments: Choice.all)
  func schedules(choice: Choice) throws {
    let type = try #require(ScheduleRegistry.standard[choice.schedule])
    let variants = try PagedVariants(type, device: .roomy)
    let drawn = Verification.batches(choice.family, seed: 2026, geometry: type.geometry).prefix(96)
    let calls = drawn.enumerated().lazy.compactMap {
      variants.call($1, family: choice.family, number: $0, seed: 3)
    }.prefix(Self.shapes)
    let report = Verification.run(
      calls: Array(calls), of: type, device: .roomy, orders: 6, seed: 7, references: ScheduleTests.references)
    #expect(report.cases.count == Self.shapes)
    for failure in report.cases where failure.failure != nil {
      Issue.record("\(choice)\n\(failure.lines.joined(separator: "\n"))")
    }
    if choice.family == .pages {
      #expect(report.cases.allSatisfy { $0.drawn.values["page-size"] != nil })
    }
  }

  @Test("What is drawn is of its kind, on both sides of a tile, and the same for the same seed")
  func drawn() throws {
    for family in Verification.BatchFamily.allCases {
      let shapes = Array(Verification.batches(family, seed: 5).prefix(100))
      #expect(shapes == Array(Verification.batches(family, seed: 5).prefix(100)))
      #expect(shapes != Array(Verification.batches(family, seed: 6).prefix(100)))
      #expect(Set(shapes.map { $0.mask.description.prefix { $0 != ":" } }).count == 3)
      #expect(shapes.contains { $0.headsQ > $0.headsKV } && shapes.contains { $0.headsQ == $0.headsKV })
      #expect(shapes.contains { $0.runs.contains { $0.keys > 256 } })
      #expect(shapes.contains { $0.runs.contains { $0.keys < 64 } } || family == .sharedPrefix)
      switch family {
      case .lengths:
        #expect(shapes.allSatisfy { $0.lengths != nil && !$0.hasQueryLengths })
        #expect(shapes.contains { $0.runs.contains { $0.count > 1 } })
      case .queries:
        #expect(shapes.allSatisfy { $0.hasQueryLengths })
        // Decode beside prefill, more queries than keys, and chunks.
        #expect(
          shapes.contains { one in
            one.runs.contains { $0.queries == 1 }
              && one.runs.contains { $0.queries == $0.keys && $0.keys > 64 }
          })
        #expect(shapes.contains { $0.runs.contains { $0.queries > $0.keys } })
        #expect(shapes.contains { $0.runs.contains { $0.queries > 1 && $0.queries < $0.keys } })
      case .sharedPrefix:
        #expect(shapes.allSatisfy { $0.sharedPrefix > 0 })
        #expect(shapes.contains { $0.lengths == nil } && shapes.contains { $0.lengths != nil })
        // A sequence that is nothing but prefix, and prefixes that are no whole tile.
        #expect(shapes.contains { one in one.runs.contains { $0.keys == one.sharedPrefix } })
        #expect(
          shapes.contains { $0.sharedPrefix % 16 != 0 } && shapes.contains { $0.sharedPrefix % 256 == 0 })
      case .pages:
        #expect(shapes.allSatisfy { $0.sharedPrefix == 0 })
        #expect(shapes.contains { $0.lengths == nil } && shapes.contains { $0.lengths != nil })
      }
    }
  }

  /// What is asked for is kept, and nothing that it excludes is drawn.
  @Test("Parameters that are given are not drawn")
  func asked() throws {
    let type = try #require(ScheduleRegistry.standard["flash-decoding"])
    let variants = try PagedVariants(
      type, asked: ScheduleParameters(["page-size": "16", "kernel": "triton"]), device: .roomy)
    let calls = Verification.batches(.sharedPrefix, seed: 4).prefix(64).enumerated().compactMap {
      variants.call($1, family: .sharedPrefix, number: $0, seed: 4)
    }
    #expect(calls.count > 10)
    #expect(calls.allSatisfy { $0.drawn.values["page-size"] == nil && $0.drawn.values["kernel"] == nil })
    #expect(calls.contains { !$0.drawn.values.isEmpty })
  }

  /// Parts of a list, on their own, say what the whole list says.
  @Test("A report is that of its parts")
  func parts() throws {
    let type = try #require(ScheduleRegistry.standard["lean"])
    let schedule = try type.init(parameters: ScheduleParameters())
    let calls = Verification.batches(.lengths, seed: 9).prefix(6).enumerated().map {
      VerificationCall(schedule: schedule, shape: $1, number: $0)
    }
    func report(_ calls: [VerificationCall]) -> VerificationReport {
      Verification.run(
        calls: calls, of: type, device: .roomy, orders: 2, seed: 1, references: ReferenceCache())
    }
    var joined = report(Array(calls[..<2]))
    joined.append(report(Array(calls[2..<5])))
    joined.append(report(Array(calls[5...])))
    #expect(joined.json == report(calls).json)
  }
}
