import Attention
import Dataflow
import Foundation
import HWModels
import InputFiles
import Programs
import Schedules
import Spatial
import Testing

/// Names of the cascades in `scenarios/cascades`.
let shippedCascades: [String] = {
  let files = (try? FileManager.default.contentsOfDirectory(atPath: "\(checkout)/scenarios/cascades")) ?? []
  return files.filter { $0.hasSuffix(".cascade") }.map { String($0.dropLast(8)) }.sorted()
}()

func shippedCascade(_ name: String, shapes: [String: Int] = [:]) throws -> Cascade {
  try CascadeFile.read(SourceText.load("\(checkout)/scenarios/cascades/\(name).cascade"), shapes: shapes)
}

@Suite("Analysis of cascades")
struct CascadeAnalysisTests {
  /// Passes over the keys, and for each later one the einsum that starts it, what it reads along the keys and what it has
  /// to wait for: FuseMax, section 3, and sections 2 and 3 of the streaming paper for the naive forms.
  static let passes: [(name: String, rank: String, starts: [String])] = [
    ("attention-3-pass", "M", ["SN: QK, GM", "A: SN, SD"]),
    ("attention-2-pass-deferred-division", "M", ["SN: QK, GM"]),
    ("attention-2-pass-local-max", "M", ["CM: LM, GM"]),
    ("attention-1-pass", "M", []),
    ("flash-attention-2", "M", []),
    ("softmax-naive", "M", ["A: SN, SD"]),
    ("softmax-reordered", "M", []),
    ("linear-attention", "M", []),
    ("linear-attention-causal", "T", []),
    ("mamba-scan", "T", []),
    ("mla-two-step", "N", ["SN: S, GM"]),
    ("mla-expanded", "N", ["SN: S, GM"]),
  ]

  @Test("Passes and reasons are those of the papers", arguments: passes.indices)
  func passCounts(index: Int) throws {
    let expected = Self.passes[index]
    let cascade = try shippedCascade(expected.name)
    let passes = try #require(
      CascadeAnalysis(cascade).passes.first { cascade.ranks[$0.rank].name == expected.rank })
    #expect(passes.count == expected.starts.count + 1)
    let starts = passes.starts.map { start in
      "\(cascade.tensors[cascade.einsums[start.einsum].target.tensor].name): \(cascade.tensors[start.along].name), \(cascade.tensors[start.complete].name)"
    }
    #expect(starts == expected.starts)
  }

  @Test("A buffer grows with the sequence where there is more than one pass, and only there")
  func bufferBound() throws {
    for (name, _, starts) in Self.passes where name.hasPrefix("attention") || name == "flash-attention-2" {
      let bounds = try [1024, 4096].map { length in
        CascadeAnalysis(try shippedCascade(name, shapes: ["M": length])).bufferBound
      }
      #expect((bounds[1] > bounds[0]) == !starts.isEmpty, "\(name): \(bounds)")
    }
    // A row of scores waits for its maximum, then a row of exponentials for its sum: M elements at a time.
    #expect(CascadeAnalysis(try shippedCascade("attention-3-pass")).bufferBound == 1024)
    // Inside a tile the scores of the tile wait for their maximum: M0.
    #expect(CascadeAnalysis(try shippedCascade("attention-1-pass")).bufferBound == 256)
  }

  /// By hand: of the tiles' maxima and sums one for each tile is kept, M / 256, beside a row of exponentials.
  @Test("A fibre of a split rank has as many elements as the parts that the tensor has")
  func splitFibres() throws {
    for (length, tiles) in [(1024, 4), (4096, 16)] {
      let analysis = CascadeAnalysis(
        try shippedCascade("attention-2-pass-local-max", shapes: ["M": length]))
      let live = Dictionary(
        uniqueKeysWithValues: analysis.tensors.map { (analysis.cascade.tensors[$0.tensor].name, $0.live) })
      #expect(
        [live["LM"], live["SLD"], live["SLN"], live["QK"]] == [tiles, tiles, length, 256].map(Double.init))
      #expect(analysis.bufferBound == Double(length + 2 * tiles))
    }
    // The part of a part: 2 of the 8 outer tiles, 64 elements in each of the tiles of M.
    let nested = CascadeAnalysis(
      try CascadeFile.read(
        SourceText(
          name: "nested",
          text: """
            cascade nested
            rank M = 512
            split M into M1, M0 = 64
            split M1 into M3, M2 = 4
            input X[M3, M2, M0]
            T[m3] = X[m3, m2, m0] :: max(m2, m0)
            G = T[m3] :: max(m3)
            Z[m3] = T[m3] / G
            """)))
    #expect(nested.bufferBound == 2)
  }

  /// What is there at once where each einsum runs to its end, and the bytes moved without fibres, by hand.
  static let steps: [(text: String, elements: Double, bytes: Double)] = [
    // X and R whole, and G; R is written and read again.
    ("G = X[m] :: max(m)\nY[m] = R[m+1] * G", 2001, 8000),
    // The same of the values before each step.
    ("G = X[m] :: max(m)\nY[m] = R[m] * G", 2001, 8000),
    // Only the last value is read: X, one step of R; then Y and that value beside X.
    ("Y[m] = X[m] * R[M]", 2001, 6000),
    // Read in the step in which it is written, by another: whole.
    ("Y[m] = R[m+1] * 2", 2000, 4000),
  ]

  @Test(
    "Of what is iterated the whole fibre is kept where it is read at all positions", arguments: steps.indices)
  func iterated(index: Int) throws {
    let (text, elements, bytes) = Self.steps[index]
    let analysis = CascadeAnalysis(
      try CascadeFile.read(
        SourceText(
          name: "steps",
          text: """
            cascade steps
            rank M = 1000
            iterative M
            input X[M]
            output Y[M]
            init R[0] = 0
            R[m+1] = R[m] + X[m]
            \(text)
            """)))
    #expect(analysis.unfused.elements == elements)
    #expect(analysis.traffic.withoutFibres == bytes)
  }

  @Test("A recurrence through several einsums takes turns: one step of each is kept")
  func turns() throws {
    let analysis = CascadeAnalysis(
      try CascadeFile.read(
        SourceText(
          name: "turns",
          text: """
            cascade turns
            rank M = 1000
            iterative M
            input X[M]
            init R[0] = 0
            S[m] = R[m] * X[m]
            R[m+1] = S[m] + X[m]
            Z = R[M] * 2
            """)))
    // X, a step of S and a step of R.
    #expect(analysis.unfused.elements == 1002)
  }

  @Test("The bound grows with the ranks of which something is kept")
  func growth() throws {
    // The second pass of mha over D reads the output weights, which no earlier pass has seen.
    for (name, names) in [("mha", ["N"]), ("attention-3-pass", ["M"]), ("attention-1-pass", [])] {
      let analysis = CascadeAnalysis(try shippedCascade(name))
      #expect(analysis.growing.map { analysis.cascade.ranks[$0].name } == names, "\(name)")
      // A rank twice as long makes the bound grow where it is among them, and only there.
      for rank in analysis.cascade.ranks where rank.parent == nil {
        let longer = CascadeAnalysis(try shippedCascade(name, shapes: [rank.name: 2 * rank.shape]))
        #expect(
          (longer.bufferBound > analysis.bufferBound) == names.contains(rank.name), "\(name) \(rank.name)")
      }
    }
  }

  @Test("Operations of attention by hand")
  func operations() throws {
    let (m, p, e, f) = (512.0, 128.0, 32.0, 16.0)
    let shapes = ["M": 512, "P": 128, "E": 32, "F": 16]
    let three = CascadeAnalysis(try shippedCascade("attention-3-pass", shapes: shapes))
    #expect(three.total.macs == m * p * (e + f))
    for kind in [CascadeOperator.exp, .max, .minus, .divide, .plus] {
      #expect(three.total.others[kind] == m * p)
    }
    #expect(three.traffic.minimum == 2 * (p * e + m * e + m * f + p * f))
    // QK is written once and read once again, SN the same.
    #expect(three.traffic.again == 2 * 4 * m * p)
    let two = CascadeAnalysis(try shippedCascade("attention-2-pass-deferred-division", shapes: shapes))
    #expect(two.total.others[.divide] == f * p)
    // FuseMax: two tiles of 256 keys; each corrects the maximum, the sum and the output.
    let one = CascadeAnalysis(try shippedCascade("attention-1-pass", shapes: shapes))
    #expect(one.total.macs == m * p * (e + f))
    #expect(one.total.others[.exp] == m * p + 2 * p)
    #expect(one.total.others[.times] == 2 * p * (1 + f))
    #expect(one.total.others[.divide] == f * p)
  }

  /// Derived from the sizes of DeepSeek-V3; see the source column of validation/mla.csv.
  @Test("Multiply-accumulates, weights and cached elements of the latent forms")
  func latentAttention() throws {
    let names = [
      "mha_same_heads": "mha", "mla_expanded_kv": "mla-expanded", "mla_two_step": "mla-two-step",
      "mla_rc_composite": "mla-recompute", "mla_ru_qk_absorbed": "mla-reuse-qk",
      "mla_ru_qk_and_vo_absorbed": "mla-reuse-qk-vo",
    ]
    let lines = try SourceText.load("\(checkout)/validation/mla.csv").text.split(whereSeparator: \.isNewline)
    let header = lines[0].split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    var checked = 0
    for line in lines.dropFirst() {
      let cells = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      let row = Dictionary(zip(header, cells)) { first, _ in first }
      guard let name = names[row["kernel"] ?? ""], let batch = Int(row["batch"] ?? ""), batch == 1 else {
        continue
      }
      let cascade = try shippedCascade(
        name,
        shapes: ["T": try #require(Int(row["seq_q"] ?? "")), "N": try #require(Int(row["seq_kv"] ?? ""))])
      let inputs = CascadeAnalysis(cascade).tensors.filter { cascade.tensors[$0.tensor].role == .input }
      let value = try #require(Double(row["value"] ?? ""))
      func elements(_ isWanted: (String) -> Bool) -> Double {
        inputs.filter { isWanted(cascade.tensors[$0.tensor].name) }.reduce(0) { $0 + $1.elements }
      }
      switch row["metric"] {
      case "macs": #expect(CascadeAnalysis(cascade).total.macs == value, "\(line)")
      case "weight_elements": #expect(elements { $0.hasPrefix("W") } == value, "\(line)")
      case "kv_elements": #expect(elements { ["CKV", "KR", "K", "V"].contains($0) } == value, "\(line)")
      default: continue
      }
      checked += 1
    }
    #expect(checked >= 90)
  }

  /// A cascade of random statements over a rank M, one of them after another; `R` tensors run along it.
  static func random(_ seed: UInt64) -> String {
    var random = SplitMix(seed: seed)
    var along = ["X[m, p]", "Y[m]"]
    var complete = ["W[p]"]
    var text = "cascade random\nrank M = 4\nrank P = 2\niterative M\ninput X[M, P], Y[M], W[P]\n"
    for number in 0..<Int.random(in: 2...12, using: &random) {
      let any = { (random: inout SplitMix) in (along + complete).randomElement(using: &random) ?? "" }
      let first = along.randomElement(using: &random) ?? ""
      let second = any(&random)
      switch Int.random(in: 0..<5, using: &random) {
      case 0:
        text += "T\(number)[m, p] = \(first) * \(second) + W[p]\n"
        along.append("T\(number)[m, p]")
      case 1:
        text += "T\(number)[p] = \(first) + \(second) * W[p] :: max(m)\n"
        complete.append("T\(number)[p]")
      case 2:
        text += "T\(number)[p] = exp(\(complete.randomElement(using: &random) ?? "")) * W[p]\n"
        complete.append("T\(number)[p]")
      case 3:
        text += "init T\(number)[0, p] = 0\n"
        text += "T\(number)[m+1, p] = max(T\(number)[m, p], \(first) * \(second))\n"
        along += ["T\(number)[m+1, p]", "T\(number)[m, p]"]
        complete.append("T\(number)[M, p]")
      default:
        text += "T\(number)[m, p] = exp(\(first) - \(any(&random))) * W[p]\n"
        along.append("T\(number)[m, p]")
      }
    }
    return text + "Z[p] = X[m, p] * Y[m] + W[p]\n"
  }

  @Test("Passes of random cascades equal those that a machine without fibres needs", arguments: 0..<300)
  func randomPasses(seed: UInt64) throws {
    let text = Self.random(seed)
    let cascade = try CascadeFile.read(SourceText(name: "seed \(seed)", text: text + "# \(seed)"))
    let passes = try #require(CascadeAnalysis(cascade).passes.first { cascade.ranks[$0.rank].name == "M" })
    var machine = FibreMachine(cascade, rank: passes.rank)
    let played = machine.play()
    #expect(passes.count == played.count, "\(text)")
    #expect(passes.pass == played.last, "\(text)")
  }
}

/// A machine that goes over the positions of one rank again and again and, at each, computes whatever it can from the
/// elements at this position and from values that are complete. The slow, plain meaning of a pass.
struct FibreMachine {
  let cascade: Cascade
  let rank: Int
  private var elements: [Int: Set<Int>] = [:]
  private var complete: Set<Int> = []
  private var summed: [Int: Set<Int>] = [:]

  init(_ cascade: Cascade, rank: Int) {
    self.cascade = cascade
    self.rank = rank
    for (index, tensor) in cascade.tensors.enumerated() {
      if tensor.role == .input {
        elements[index] = Set(0..<cascade.ranks[rank].shape)
        if !tensor.ranks.contains(rank) { complete.insert(index) }
      }
      if tensor.iterated == rank { elements[index] = [0] }
    }
  }

  /// Passes until everything is computed, and the pass in which each einsum did its last position.
  mutating func play() -> (count: Int, last: [Int: Int]) {
    let shape = cascade.ranks[rank].shape
    var last: [Int: Int] = [:]
    var isDone: Set<[Int]> = []
    for pass in 1...100 {
      var advanced = false
      for position in 0..<shape {
        var again = true
        while again {
          again = false
          for (index, einsum) in cascade.einsums.enumerated() {
            let runs = cascade.space(of: einsum).contains(rank)
            guard !isDone.contains([index, runs ? position : 0]), isReady(einsum, at: position) else {
              continue
            }
            isDone.insert([index, runs ? position : 0])
            compute(index, einsum, at: position, runs: runs)
            if runs { last[index] = pass }
            (again, advanced) = (true, true)
          }
        }
      }
      if !advanced { break }
    }
    return (last.values.max() ?? 0, last)
  }

  private func isReady(_ einsum: Cascade.Einsum, at position: Int) -> Bool {
    cascade.reads(einsum).allSatisfy { access in
      for index in access.indices {
        switch index {
        case .running(rank, let offset): return elements[access.tensor]?.contains(position + offset) ?? false
        case .last(rank): return elements[access.tensor]?.contains(cascade.ranks[rank].shape) ?? false
        default: continue
        }
      }
      return complete.contains(access.tensor)
    }
  }

  private mutating func compute(_ index: Int, _ einsum: Cascade.Einsum, at position: Int, runs: Bool) {
    let target = einsum.target.tensor
    if einsum.target.running.contains(rank) {
      elements[target, default: []].insert(position + (cascade.tensors[target].iterated == rank ? 1 : 0))
    } else if runs {
      summed[index, default: []].insert(position)
      if summed[index]?.count == cascade.ranks[rank].shape { complete.insert(target) }
    } else {
      complete.insert(target)
    }
  }
}
