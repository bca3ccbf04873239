import Attention
import Dataflow
import HWModels
import Programs
import Schedules
import Spatial
import Testing

@testable import Interpreter

/// A schedule with one or two parameters away from their defaults.
struct ScheduleVariant: Sendable, CustomStringConvertible {
  var schedule: String
  var values: [String: String]
  var description: String {
    "\(schedule) " + values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
  }

  /// Each value of each parameter that has choices, the others at their defaults.
  static let all: [ScheduleVariant] = ScheduleRegistry.standard.all.flatMap { schedule in
    changes(schedule).map { ScheduleVariant(schedule: schedule.name, values: [$0.name: $0.value]) }
  }

  /// Each pair of values of two parameters: some hold only together.
  static let pairs: [ScheduleVariant] = ScheduleRegistry.standard.all.flatMap { schedule in
    let changes = changes(schedule)
    return changes.indices.flatMap { first in
      changes[first...].filter { $0.name != changes[first].name }.map {
        ScheduleVariant(
          schedule: schedule.name, values: [changes[first].name: changes[first].value, $0.name: $0.value])
      }
    }
  }

  private static func changes(_ schedule: any Schedule.Type) -> [(name: String, value: String)] {
    schedule.parameters.flatMap { parameter in
      parameter.choices.filter { $0 != parameter.defaultValue }.map { (parameter.name, $0) }
    }
  }
}

@Suite("Every schedule computes attention")
struct ScheduleTests {
  /// References in double precision, shared by all schedules.
  static let references = ReferenceCache()
  static let shapesPerSchedule = 30
  static let orders = 20

  @Test(
    "in every order, with every mask and pass", arguments: ScheduleRegistry.standard.names,
    Verification.MaskFamily.allCases)
  func schedules(name: String, mask: Verification.MaskFamily) throws {
    // Masks made of others take the same paths as their parts.
    let isCompound = [Verification.MaskFamily.combined, .perHead].contains(mask)
    let (shapes, orders) = isCompound ? (8, 5) : (Self.shapesPerSchedule, Self.orders)
    for pass in AttentionShape.Pass.allCases {
      let report = try verify(name, [:], mask, pass, shapes: shapes, orders: orders)
      for failure in report.cases where failure.failure != nil {
        Issue.record("\(name)\n\(failure.lines.joined(separator: "\n"))")
      }
      // A schedule takes a mask and a pass or refuses them; there is no taking a few shapes.
      #expect(report.cases.isEmpty || report.cases.count >= shapes)
    }
  }

  @Test("in some pass at all", arguments: ScheduleRegistry.standard.names)
  func somePass(name: String) throws {
    let taken = try AttentionShape.Pass.allCases.contains { pass in
      !(try verify(name, [:], .none, pass, shapes: 1, orders: 0)).cases.isEmpty
    }
    #expect(taken, "no shape of the verification is taken by \(name)")
  }

  @Test("with every choice of every parameter", arguments: ScheduleVariant.all)
  func variants(variant: ScheduleVariant) throws {
    for mask in [Verification.MaskFamily.none, .causal, .slidingWindow] {
      for pass in AttentionShape.Pass.allCases {
        let report = try verify(
          variant.schedule, variant.values, mask, pass, shapes: 6, orders: 5)
        for failure in report.cases where failure.failure != nil {
          Issue.record("\(variant)\n\(failure.lines.joined(separator: "\n"))")
        }
      }
    }
  }

  @Test(
    "with keys in parts",
    arguments: [
      ScheduleVariant(schedule: "fa3", values: ["build": "cpp", "splits": "3"]),
      ScheduleVariant(schedule: "fa3", values: ["build": "cpp", "splits": "rule"]),
      ScheduleVariant(schedule: "fa3", values: ["build": "cpp", "splits": "6", "layout": "paged"]),
      ScheduleVariant(schedule: "fa3", values: ["build": "cpp", "splits": "rule", "layout": "varlen"]),
    ])
  func parts(variant: ScheduleVariant) throws {
    for mask in [Verification.MaskFamily.none, .causal, .slidingWindow] {
      let report = try verify(variant.schedule, variant.values, mask, .forward, shapes: 5, orders: 5)
      #expect(report.cases.count >= 5)
      for failure in report.cases where failure.failure != nil {
        Issue.record("\(variant)\n\(failure.lines.joined(separator: "\n"))")
      }
    }
  }

  @Test(
    "with keys from pages",
    arguments: [
      ScheduleVariant(schedule: "fa2", values: ["page-size": "16"]),
      ScheduleVariant(schedule: "fa2", values: ["page-size": "64", "splits": "grouped", "pack-gqa": "on"]),
      ScheduleVariant(schedule: "fa3", values: ["build": "cpp", "layout": "paged", "page-size": "1"]),
    ])
  func pages(variant: ScheduleVariant) throws {
    let report = try verify(variant.schedule, variant.values, .causal, .forward, shapes: 5, orders: 5)
    #expect(report.cases.count >= 5)
    for failure in report.cases where failure.failure != nil {
      Issue.record("\(variant)\n\(failure.lines.joined(separator: "\n"))")
    }
  }

  @Test(
    "with a length for each sequence",
    arguments: ScheduleRegistry.standard.all.filter { $0.support.takesKeyLengths }.map { $0.name },
    [Mask.none, .causal, .slidingWindow(left: 40, right: 0)])
  func lengths(name: String, mask: Mask) throws {
    let lists = [[1, 448, 100, 7], [64, 64, 65, 63], [300, 1]]
    let shapes = try lists.flatMap { keys in
      try [1, 5, 40].map { queries in
        try AttentionShape(
          batch: keys.count, headsQ: 4, headsKV: 2, seqQ: queries, headDim: 64, mask: mask,
          lengths: BatchLengths(keys: keys))
      }
    }
    let type = try #require(ScheduleRegistry.standard[name])
    if type.geometry != nil, mask != .none, mask != .causal { return }
    try check(type.init(parameters: ScheduleParameters()), shapes.map { $0.fitted(to: type.geometry) })
  }

  @Test(
    "with queries for each sequence too",
    arguments: ScheduleRegistry.standard.all.filter { $0.support.takesQueryLengths }.map {
      ScheduleVariant(schedule: $0.name, values: [:])
    } + [
      .init(schedule: "fa3", values: ["build": "cpp"]),
      .init(schedule: "fa3", values: ["build": "cpp", "splits": "3"]),
      .init(schedule: "fa3", values: ["build": "cpp", "splits": "rule"]),
      .init(schedule: "fa3", values: ["build": "cpp", "layout": "paged", "page-size": "16"]),
      .init(schedule: "fa2", values: ["pack-gqa": "on"]),
      .init(schedule: "fa2", values: ["splits": "grouped", "pack-gqa": "on", "page-size": "16"]),
      .init(schedule: "flash-decoding", values: ["rule": "flashinfer"]),
      .init(schedule: "flash-decoding", values: ["kernel": "authors", "splits": "3"]),
    ], [Mask.none, .causal, .slidingWindow(left: 40, right: 0)])
  func queryLengths(variant: ScheduleVariant, mask: Mask) throws {
    let texts = [
      "1/448,3x1/100,130/130", "64/64,1/900,65/130,1/1", "200/7,3/5", "uniform:1-600:n=5:q=1-200:seed=2",
    ]
    let shapes = try texts.map { text in
      let lengths = try BatchLengths(parsing: text)
      return try AttentionShape(
        batch: lengths.keys.count, headsQ: 4, headsKV: 2, seqQ: lengths.mostQueries ?? 0, headDim: 64,
        mask: mask, lengths: lengths)
    }
    let type = try #require(ScheduleRegistry.standard[variant.schedule])
    try check(type.init(parameters: ScheduleParameters(variant.values)), shapes)
  }

  private func check(_ schedule: any Schedule, _ shapes: [AttentionShape]) throws {
    let name = type(of: schedule).name
    let report = Verification.run(
      schedule: schedule, device: .roomy, shapes: shapes, orders: 10, seed: 3,
      references: Self.references)
    #expect(report.cases.count == shapes.count)
    for failure in report.cases where failure.failure != nil {
      Issue.record("\(name)\n\(failure.lines.joined(separator: "\n"))")
    }
  }

  /// The check of query lengths bites: under the diagonal of the longest, a lone query misses most of its keys.
  @Test("and a program that takes all sequences for the longest is wrong", arguments: ["fa2", "fa3"])
  func ignoredQueryLengths(name: String) throws {
    let lengths = try BatchLengths(keys: [600, 600], queries: [600, 1])
    let shape = try AttentionShape(
      batch: 2, headsQ: 2, seqQ: 600, headDim: 64, mask: .causal, lengths: lengths)
    let longest = try AttentionShape(batch: 2, headsQ: 2, seqQ: 600, headDim: 64, mask: .causal)
    let schedule = try #require(ScheduleRegistry.standard[name]).init(parameters: ScheduleParameters())
    #expect(try Verification.check(schedule.program(for: shape, on: .roomy)).failure == nil)
    var program = try schedule.program(for: longest, on: .roomy)
    #expect(Verification.check(program).failure == nil)
    program.shape = shape
    #expect(Verification.check(program).failure != nil)
  }

  /// The check of lengths bites: a program for the longest length everywhere reads keys that are not there.
  @Test("and a program that ignores them is wrong")
  func ignoredLengths() throws {
    let shape = try AttentionShape(
      batch: 2, headsQ: 2, seqQ: 1, headDim: 64, lengths: BatchLengths(keys: [200, 30]))
    let longest = try AttentionShape(batch: 2, headsQ: 2, seqQ: 1, seqKV: 200, headDim: 64)
    let schedule = try #require(ScheduleRegistry.standard["flash-decoding"]).init(
      parameters: ScheduleParameters())
    var program = try schedule.program(for: longest, on: .roomy)
    #expect(Verification.check(program).failure == nil)
    program.launches.removeLast()
    // The first kernel alone, its parts never merged, is wrong too.
    #expect(Verification.check(program).failure != nil)
    var short = try schedule.program(for: shape, on: .roomy)
    #expect(Verification.check(short).failure == nil)
    short.shape = longest
    #expect(Verification.check(short).failure != nil)
  }

  @Test("with every pair of choices", arguments: ScheduleVariant.pairs)
  func pairs(variant: ScheduleVariant) throws {
    let report = try verify(variant.schedule, variant.values, .causal, .forward, shapes: 4, orders: 3)
    for failure in report.cases where failure.failure != nil {
      Issue.record("\(variant)\n\(failure.lines.joined(separator: "\n"))")
    }
  }

  @Test(
    "with fp16 and fp8 where they take it", arguments: ScheduleRegistry.standard.names,
    [DataType.fp16, .fp8])
  func types(name: String, type: DataType) throws {
    let report = try verify(name, [:], .causal, .forward, type: type, shapes: 10, orders: 4)
    for failure in report.cases where failure.failure != nil {
      Issue.record("\(name)\n\(failure.lines.joined(separator: "\n"))")
    }
  }

  @Test(
    "and every operation that moves data or multiplies says what it computes",
    arguments: ScheduleRegistry.standard.names)
  func numericalReading(name: String) throws {
    let schedule = try #require(ScheduleRegistry.standard[name]).init(parameters: ScheduleParameters())
    for mask in Verification.MaskFamily.allCases {
      for pass in AttentionShape.Pass.allCases {
        for shape in Verification.shapes(
          mask, pass: pass, seed: 3, geometry: type(of: schedule).geometry
        ).prefix(20) {
          guard let program = try? schedule.program(for: shape, on: .roomy) else { continue }
          #expect(program.operationsWithoutReading() == [])
        }
      }
    }
  }

  private func verify(
    _ name: String, _ parameters: [String: String], _ mask: Verification.MaskFamily,
    _ pass: AttentionShape.Pass,
    type dataType: DataType = .bf16, shapes count: Int, orders: Int
  ) throws -> VerificationReport {
    let type = try #require(ScheduleRegistry.standard[name])
    let schedule = try type.init(parameters: ScheduleParameters(parameters))
    // A mask of which these lengths make a plainer rule is a call with that rule.
    func isOfItsFamily(_ shape: AttentionShape) -> Bool {
      let plain = type.plain(shape).mask
      return plain == shape.mask || ![Mask.none, .causal, .causalTopLeft].contains(plain)
    }
    // Enough tries that a schedule which refuses some head dimensions still gets its share.
    let shapes = Verification.shapes(
      mask, pass: pass, dataType: dataType, seed: 2026, geometry: type.geometry
    ).prefix(8 * count)
      .filter { isOfItsFamily($0) && (try? schedule.program(for: $0, on: .roomy)) != nil }.prefix(count)
    return Verification.run(
      schedule: schedule, device: .roomy, shapes: Array(shapes), orders: orders, seed: 7,
      references: Self.references)
  }
}
