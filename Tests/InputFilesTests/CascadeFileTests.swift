import Attention
import Dataflow
import HWModels
import InputFiles
import Programs
import Schedules
import Spatial
import Testing

@Suite("Cascade files")
struct CascadeFileTests {
  /// One error each, at the mark.
  static let faults: [(text: String, says: String)] = [
    ("G[p] = ‸Y[m, p] :: max(m)\nZ[p] = G[p] * X[m, p]", "tensor Y is not defined"),
    ("G[p] = X[m, p] :: ‸maks(m)", "unknown operator 'maks' to reduce with"),
    ("G[p] = ‸expp(X[m, p]) :: max(m)", "unknown operator 'expp'"),
    ("G[p] = X[‸p, p]", "rank M of X is used with two shapes: 8, and 4 of index p"),
    ("rank ‸P = 5\nG[p] = X[m, p]", "rank P is used with two shapes: 4 and 5"),
    ("input Y[‸M = 16]\nG[p] = X[m, p] * Y[m]", "rank M is used with two shapes: 8 and 16"),
    (
      "‸G[p] = X[m, p] * H[p]\nH[p] = G[p] * 2",
      "a cycle that is not iterative: G depends on itself through H"
    ),
    ("‸G[p] = X[m, p] + G[p]", "a cycle that is not iterative: G depends on itself"),
    (
      "iterative M\ninit R[0, p] = 0\n‸R[m+1, p] = R[m, p] + X[m, p] * S[p]\nS[p] = R[m, p]",
      "a cycle that is not iterative: R depends on itself through S"
    ),
    ("G[p] = ‸X[m]", "X has 2 ranks, not 1"),
    ("G[p] = X[m, ‸q]", "index q has no rank"),
    ("G[p, ‸k] = X[m, p]\nrank K = 2", "index k stands on the left only"),
    ("G[p] = X[m, p] :: max(‸p)", "cannot be reduced: it stands on the left"),
    ("G[p] = X[m, p]\n‸G[p] = X[m, p] :: max(m)", "tensor G is defined twice"),
    ("R[‸m+1, p] = X[m, p]", "rank M is not iterative"),
    ("iterative M\n‸R[m+1, p] = R[m, p] + X[m, p]", "R is iterated and has no first value"),
    ("G[p] = X[‸M, p]", "X is not iterated along M"),
    ("split M into M1, M0 = ‸3\nG[p] = X[m, p]", "3 does not divide the 8 of rank M"),
    // What uses the parts is not to blame.
    (
      "split M into M1, M0 = ‸3\niterative M1\nview B[m1, m0, p] = X[m1*M0 + m0, p]\ninit R[0, p] = 0\n"
        + "R[m1+1, p] = R[m1, p] + B[m1, m0, p]\nZ[p] = R[M1, p]",
      "3 does not divide the 8 of rank M"
    ),
    ("G[p] = X[m, p] ‸)", "')' is left over"),
    ("G[p] = X[m, p] + ‸", "an operand is due"),
    ("G[p] = X[m, p] ‸? 3", "'?' has no meaning"),
    ("‸inputs Y[M]\nG[p] = X[m, p]", "unknown statement 'inputs'"),
    ("input ‸Y[M]\nG[p] = X[m, p]", "Y is never read"),
    // Nor is what has it, how often it may be named.
    (
      "input Y[M, ‸Q]\nG[m, q] = Y[m, q] * X[m, p]\nZ[m] = G[m, q] * Y[m, q] :: max(q)\noutput Z[M]",
      "there is no rank Q"
    ),
    ("G[m, ‸q] = X[m, p]\nZ[m, q] = G[m, q] * 2\noutput Z[M, Q]", "index q has no rank"),
    // What runs over it is not to blame.
    ("rank K = ‸0\ninput Y[K]\nG[p, k] = X[m, p] * Y[k]", "a shape is due, not '0'"),
  ]

  /// Cycles beside other errors, each at its mark and in the order of the file.
  static let hiddenCycles: [(text: String, says: [String])] = [
    (
      "input ‸Y[M]\n‸G[p] = X[m, p] * H[p]\nH[p] = G[p] * 2",
      ["Y is never read", "G depends on itself through H"]
    ),
    (
      "‸K[p] = L[p] + ‸U[p]\nL[p] = K[p]\nG[p] = X[m, p]",
      ["K depends on itself through L", "tensor U is not defined"]
    ),
    // Through a view, with an error in an einsum of the cycle itself.
    (
      "split P into P1, P0 = 2\nview V[p1, p0] = H[p1*P0 + p0]\n‸G[p1] = X[m, ‸q] * V[p1, p0]\nH[p] = G[p1] * X[m, p]",
      ["G depends on itself through H", "index q has no rank"]
    ),
    // What is meant to be iterated lacks only that.
    ("R[‸m+1, p] = R[m, p] + X[m, p]", ["rank M is not iterative"]),
    ("G[p] = X[m, p]\n‸G[p] = 3 * G[p]", ["tensor G is defined twice"]),
  ]

  @Test("No error hides a cycle, and no cycle is made up", arguments: hiddenCycles.indices)
  func hiddenCycle(index: Int) {
    let fault = Self.hiddenCycles[index]
    let marked = Marked("cascade test\nrank M = 8\nrank P = 4\ninput X[M, P]\n" + fault.text)
    let found = diagnostics { () throws(InputError) in
      try CascadeFile.read(SourceText(name: "test.cascade", text: marked.text))
    }
    check(found, at: marked.places, saying: fault.says)
  }

  @Test("A fault is found where it stands", arguments: faults.indices)
  func fault(index: Int) {
    let fault = Self.faults[index]
    let marked = Marked("cascade test\nrank M = 8\nrank P = 4\ninput X[M, P]\n" + fault.text)
    let found = diagnostics { () throws(InputError) in
      try CascadeFile.read(SourceText(name: "test.cascade", text: marked.text))
    }
    check(found, at: marked.places, saying: [fault.says])
  }

  @Test("All faults are reported at once, in the order of the file, with hints")
  func allAtOnce() {
    let marked = Marked(
      """
      cascade test
      rank M = 8
      input X[M]
      A[m] = ‸epx(X[m])
      B[m] = ‸Xs[m] * X[m]
      C[m] = X[‸n]
      """)
    let found = diagnostics { () throws(InputError) in
      try CascadeFile.read(SourceText(name: "test.cascade", text: marked.text))
    }
    check(
      found, at: marked.places, saying: ["did you mean 'exp'?", "did you mean 'X'?", "did you mean 'm'?"])
  }

  @Test("Printed cascades read back as themselves", arguments: shippedCascades)
  func roundTrip(name: String) throws {
    let cascade = try shippedCascade(name)
    let text = CascadeText.write(cascade)
    var again = try CascadeFile.read(SourceText(name: "again", text: text))
    #expect(CascadeText.write(again) == text)
    for index in again.einsums.indices { again.einsums[index].line = cascade.einsums[index].line }
    for index in again.views.indices { again.views[index].line = cascade.views[index].line }
    for index in again.initials.indices { again.initials[index].line = cascade.initials[index].line }
    #expect(
      again.einsums.map { CascadeText.write($0, in: again) }
        == cascade.einsums.map { CascadeText.write($0, in: cascade) })
    #expect(Set(again.tensors.map(\.name)) == Set(cascade.tensors.map(\.name)))
  }

  @Test("No text makes the reader stop", arguments: 0..<40)
  func robustness(seed: UInt64) {
    var random = SplitMix(seed: seed)
    let pieces = [
      "rank", "M", "m", "=", "[", "]", "(", ")", "*", "+", "1", "0", "::", ",", "exp", "max", "input", "init",
      "view",
      "split", "into", "iterative", "cascade", "\n", "\n", "-", "inf", "#", "\"", "\u{301}",
      "9999999999999999999",
    ]
    var text = "cascade x\nrank M = 4\ninput A[M]\n"
    for _ in 0..<200 { text += (pieces.randomElement(using: &random) ?? "") + " " }
    let found = diagnostics { () throws(InputError) in try CascadeFile.read(SourceText(name: "x", text: text))
    }
    #expect(!found.isEmpty)
    let deep = "cascade x\ninput A\nZ = " + String(repeating: "(", count: 5000) + "A"
    #expect(
      !diagnostics { () throws(InputError) in try CascadeFile.read(SourceText(name: "x", text: deep)) }
        .isEmpty)
  }
}
