import Attention
import Dataflow
import Foundation
import HWModels
import InputFiles
import Programs
import Schedules
import Spatial
import Testing

@testable import Interpreter

@Suite("Cascades compute what they are named for")
struct CascadeMachineTests {
  private static let folder: String = {
    var parts = #filePath.split(separator: "/")
    parts.removeLast(3)
    return "/" + parts.joined(separator: "/") + "/scenarios/cascades"
  }()

  private func cascade(_ name: String, _ shapes: [String: Int]) throws -> Cascade {
    try CascadeFile.read(SourceText.load("\(Self.folder)/\(name).cascade"), shapes: shapes)
  }

  private func inputs(of cascade: Cascade, seed: UInt64) -> [String: [Double]] {
    var generator = SplitMix(seed: seed)
    var inputs: [String: [Double]] = [:]
    for tensor in cascade.tensors where tensor.role == .input {
      let count = Int(cascade.points(tensor.ranks))
      inputs[tensor.name] = (0..<count).map { _ in generator.normal() }
    }
    if inputs["scale"] != nil { inputs["scale"] = [1] }
    return inputs
  }

  /// Softmax attention from its definition, `[F, P]`.
  private func attention(_ inputs: [String: [Double]], e: Int, f: Int, p: Int, m: Int) -> [Double] {
    guard let q = inputs["Q"], let k = inputs["K"], let v = inputs["V"] else { return [] }
    var output = [Double](repeating: 0, count: f * p)
    for query in 0..<p {
      let weights = (0..<m).map { key in
        exp((0..<e).reduce(0.0) { $0 + q[$1 * p + query] * k[$1 * m + key] })
      }
      let sum = weights.reduce(0, +)
      for dimension in 0..<f {
        output[dimension * p + query] = (0..<m).reduce(0) { $0 + weights[$1] * v[dimension * m + $1] } / sum
      }
    }
    return output
  }

  private func check(_ found: [Double], _ expected: [Double], _ name: String) {
    #expect(found.count == expected.count, "\(name)")
    for (a, b) in zip(found, expected) { #expect(abs(a - b) <= 1e-9 * max(1, abs(b)), "\(name)") }
  }

  @Test(
    "Every softmax cascade gives attention, in any order",
    arguments: [
      "attention-3-pass", "attention-2-pass-deferred-division", "attention-2-pass-local-max",
      "attention-1-pass",
      "softmax-naive", "softmax-reordered", "flash-attention-2",
    ])
  func softmax(name: String) throws {
    let (e, f, p, m) = (5, 3, 6, 12)
    var shapes = ["E": e, "F": f, "P": p, "M": m]
    if !name.contains("3-pass") && !name.contains("deferred") && !name.hasPrefix("softmax") {
      shapes["M0"] = 4
    }
    if name == "flash-attention-2" { shapes["P0"] = 3 }
    let cascade = try cascade(name, shapes)
    let inputs = inputs(of: cascade, seed: 3)
    let expected = attention(inputs, e: e, f: f, p: p, m: m)
    let output = try #require(cascade.tensors.first { $0.role == .output }?.name)
    for seed in 0..<4 as Range<UInt64> {
      var generator = SplitMix(seed: seed)
      var machine = CascadeMachine(cascade, inputs: inputs) { seed == 0 ? 0 : generator.below($0) }
      machine.run()
      check(machine.tensor(output), expected, name)
    }
  }

  @Test("The cascades of the spatial schedules are the shipped ones")
  func spatialCascades() throws {
    let shape = try AttentionShape(batch: 1, headsQ: 1, seqQ: 6, seqKV: 96, headDim: 8, headDimV: 4)
    for (schedule, name, rank) in [
      ("flat", "attention-3-pass", [:]), ("fusemax-binding", "attention-1-pass", ["M0": 48]),
    ] {
      let program = try #require(ScheduleRegistry.standard[schedule]).init(parameters: .init())
        .program(for: shape, on: .roomy)
      let bound = try #require(program.spatial?.cascade)
      let shipped = try cascade(name, ["P": 6, "M": 96, "E": 8, "F": 4].merging(rank) { $1 })
      /// Without batch and heads, which the schedules take one by one.
      func plain(_ cascade: Cascade) -> [String] {
        cascade.einsums.map {
          CascadeText.write($0, in: cascade).replacingOccurrences(of: "b, h, ", with: "")
        }
      }
      #expect(plain(bound) == plain(shipped))
      #expect(CascadeCycles(bound).faults().isEmpty)
      let inputs = inputs(of: bound, seed: 5)
      var machine = CascadeMachine(bound, inputs: inputs)
      machine.run()
      check(machine.tensor("AV"), attention(inputs, e: 8, f: 4, p: 6, m: 96), schedule)
    }
  }

  @Test("A cascade that forgets the correction gives a wrong output")
  func broken() throws {
    let text = try String(contentsOfFile: "\(Self.folder)/attention-1-pass.cascade", encoding: .utf8)
      .replacingOccurrences(
        of: "SPD[b, h, m1, p] = RD[b, h, m1, p] * PRM[b, h, m1, p]",
        with: "SPD[b, h, m1, p] = RD[b, h, m1, p]")
    let cascade = try CascadeFile.read(
      SourceText(name: "broken", text: text), shapes: ["E": 5, "F": 3, "P": 6, "M": 12, "M0": 4])
    let inputs = inputs(of: cascade, seed: 3)
    var machine = CascadeMachine(cascade, inputs: inputs)
    machine.run()
    let expected = attention(inputs, e: 5, f: 3, p: 6, m: 12)
    #expect(zip(machine.tensor("AV"), expected).contains { abs($0 - $1) > 1e-3 })
  }

  @Test("Recurrences give the sums that they stand for")
  func recurrences() throws {
    let linear = try cascade("linear-attention-causal", ["E": 3, "F": 2, "T": 5])
    let inputs = inputs(of: linear, seed: 9)
    var machine = CascadeMachine(linear, inputs: inputs)
    machine.run()
    let q = try #require(inputs["Q"])
    let k = try #require(inputs["K"])
    let v = try #require(inputs["V"])
    func feature(_ x: Double) -> Double { x > 0 ? x + 1 : exp(x) }
    var expected = [Double](repeating: 0, count: 2 * 5)
    for t in 0..<5 {
      let weights = (0...t).map { s in
        (0..<3).reduce(0.0) { $0 + feature(q[$1 * 5 + t]) * feature(k[$1 * 5 + s]) }
      }
      for f in 0..<2 {
        let sum = (0...t).reduce(0.0) { $0 + weights[$1] * v[f * 5 + $1] }
        expected[f * 5 + t] = sum / weights.reduce(0, +)
      }
    }
    check(machine.tensor("O"), expected, "linear attention")
  }
}
