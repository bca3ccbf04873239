import Attention
import Dataflow
import HWModels
import Programs
import Schedules
import Spatial
import Testing

@testable import Interpreter

/// Batches that share their first keys compute right numbers, in one phase and in two.
@Suite struct SharedPrefixTests {
  private func check(
    _ name: String, _ parameters: [String: String], _ shapes: [AttentionShape], device: Device = .roomy
  ) throws {
    let schedule = try #require(ScheduleRegistry.standard[name]).init(
      parameters: ScheduleParameters(parameters))
    let report = Verification.run(
      schedule: schedule, device: device, shapes: shapes, orders: 3, seed: 5,
      references: ScheduleTests.references)
    #expect(report.cases.count == shapes.count, "\(report.skipped.map(\.reason))")
    for failure in report.cases where failure.failure != nil {
      Issue.record("\(name) \(parameters)\n\(failure.lines.joined(separator: "\n"))")
    }
  }

  static let variants: [ScheduleVariant] = [
    .init(schedule: "flash-decoding", values: ["page-size": "16"]),
    .init(schedule: "flash-decoding", values: ["page-size": "16", "splits": "3"]),
    .init(schedule: "flash-decoding", values: ["phases": "2"]),
    .init(schedule: "flash-decoding", values: ["phases": "2", "splits": "2", "prefix-splits": "3"]),
    .init(schedule: "flash-decoding", values: ["phases": "2", "kernel": "authors", "kv-format": "fp8"]),
    .init(schedule: "flash-decoding", values: ["phases": "2", "rule": "flashinfer", "page-size": "16"]),
    .init(schedule: "lean", values: ["kernel": "triton", "page-size": "8"]),
    .init(schedule: "lean", values: ["kernel": "aiter", "page-size": "64"]),
    .init(schedule: "fa2", values: ["page-size": "16"]),
    .init(schedule: "fa2", values: ["page-size": "16", "splits": "3"]),
    .init(schedule: "fa3", values: ["build": "cpp", "layout": "paged", "page-size": "16"]),
  ]

  @Test("of equal sequences", arguments: variants, [Mask.none, .causal])
  func equal(variant: ScheduleVariant, mask: Mask) throws {
    let page = variant.values["page-size"].flatMap { Int($0) } ?? 1
    let shapes = try [
      (2, 4, 2, 1, 300, 160), (5, 6, 1, 1, 130, 64), (3, 4, 4, 7, 200, 176), (4, 2, 1, 40, 90, 32),
    ]
    .map { batch, heads, headsKV, queries, keys, prefix in
      try AttentionShape(
        batch: batch, headsQ: heads, headsKV: headsKV, seqQ: queries, seqKV: keys, headDim: 64, mask: mask,
        sharedPrefix: prefix / page * page)
    }
    try check(variant.schedule, variant.values, shapes)
  }

  @Test(
    "of different lengths", arguments: variants.filter { ["flash-decoding", "lean"].contains($0.schedule) })
  func ragged(variant: ScheduleVariant) throws {
    let shapes = try [[100, 348, 81], [65, 64, 200]].flatMap { keys in
      try [1, 9].map { queries in
        try AttentionShape(
          batch: keys.count, headsQ: 4, headsKV: 2, seqQ: queries, headDim: 64, mask: .causal,
          lengths: BatchLengths(keys: keys),
          sharedPrefix: variant.values["page-size"] == "64" ? 64 : 48)
      }
    }
    try check(variant.schedule, variant.values, shapes)
  }

  @Test("of latents", arguments: ["seesaw", "first"])
  func latents(kernel: String) throws {
    let shape = try AttentionShape(
      batch: 2, headsQ: 16, headsKV: 1, seqQ: 2, seqKV: 200, headDim: 576, headDimV: 512, mask: .causal,
      sharedPrefix: 128)
    try check("flashmla", ["kernel": kernel], [shape])
  }

  @Test("A prefix that ends within a tile is cut there")
  func withinATile() throws {
    let shapes = try [1, 63, 65, 127, 149].map {
      try AttentionShape(
        batch: 3, headsQ: 4, headsKV: 2, seqQ: 2, seqKV: 150, headDim: 40, mask: .causal, sharedPrefix: $0)
    }
    try check("flash-decoding", ["phases": "2"], shapes)
  }

  /// The check bites: whoever reads a sequence's own copy finds nothing there, and a kernel for other keys is wrong.
  @Test("The shared keys lie once in memory")
  func bites() throws {
    let shape = try AttentionShape(
      batch: 3, headsQ: 2, seqQ: 1, seqKV: 200, headDim: 64, sharedPrefix: 128)
    let schedule = try #require(ScheduleRegistry.standard["flash-decoding"]).init(
      parameters: ScheduleParameters(["phases": "2"]))
    let right = try schedule.program(for: shape, on: .roomy)
    #expect(Verification.check(right).failure == nil)
    // A prefix of another length, parts that start elsewhere, and phase one left out.
    var wrong = right
    wrong.shape = try AttentionShape(batch: 3, headsQ: 2, seqQ: 1, seqKV: 200, headDim: 64, sharedPrefix: 64)
    #expect(Verification.check(wrong).failure != nil)
    wrong = right
    wrong.launches[1].kernel.items.keys = 0..<72
    #expect(Verification.check(wrong).failure != nil)
    wrong = right
    wrong.launches.removeFirst()
    #expect(Verification.check(wrong).failure != nil)
  }

  @Test(
    "What no kernel takes is refused",
    arguments: [
      ("flash-decoding", [:], 64), ("flash-decoding", ["page-size": "48"], 64),
      ("lean", ["kernel": "triton"], 64),
      ("fa2", [:], 64), ("fa3", [:], 64), ("flex", [:], 64), ("cudnn", [:], 64),
      ("flash-decoding", ["phases": "2"], 200), ("flash-decoding", ["phases": "2"], 195),
      ("flash-decoding", ["kernel": "authors", "page-size": "64"], 64),
      ("lean", ["kernel": "aiter", "page-size": "32"], 64), ("lean", ["page-size": "64"], 64),
    ])
  func refused(name: String, parameters: [String: String], prefix: Int) throws {
    let shape = try AttentionShape(
      batch: 2, headsQ: 4, headsKV: 2, seqQ: 8, seqKV: 200, headDim: 64, mask: .causal, sharedPrefix: prefix)
    let schedule = try #require(ScheduleRegistry.standard[name])
    #expect(throws: ScheduleError.self) {
      _ = try schedule.init(parameters: ScheduleParameters(parameters)).program(for: shape, on: .roomy)
    }
  }
}
