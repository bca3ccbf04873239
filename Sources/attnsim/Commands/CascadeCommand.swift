import ArgumentParser
import HWModels
import InputFiles
import Programs
import Reports

struct CascadeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cascade",
    abstract: "Analyses a cascade of einsums: passes, buffers, operations, traffic, fusions.",
    discussion: """
      A cascade file has one statement to a line. An index is the name of its rank in small letters; one that is missing on \
      the left is summed unless :: says otherwise. Steps of an iterative rank are written at m+1 and read at m; M is the last.

      cascade softmax
      rank M = 1024
      rank P = 8
      input X[M, P]
      G[p] = X[m, p] :: max(m)
      S[m, p] = exp(X[m, p] - G[p])
      D[p] = S[m, p] :: sum(m)
      Z[m, p] = S[m, p] / D[p]

      Also: split M into M1, M0 = 256; view B[m1, m0] = A[m1*M0 + m0]; iterative M1; init R[0, p] = -inf; output Z[M, P]. \
      The cascades of the papers are in scenarios/cascades.

      attnsim cascade scenarios/cascades/attention-3-pass.cascade --rank M=4096 --graph cascade.svg
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case text, json, dot
    /// The cascade itself, as files have it.
    case cascade
  }

  @Argument(help: "Cascade file.") var file: String
  @Option(help: "text, json, dot, or cascade for the cascade itself in plain form.") var format: Format =
    .text
  @Option(help: ArgumentHelp("Another shape for a rank; may be repeated.", valueName: "RANK=SHAPE")) var rank:
    [String] = []
  @Option(help: "Bytes of an element in memory.") var bytes = 2
  @Option(help: ArgumentHelp("Write the cascade as a graph: .svg or .dot.", valueName: "file")) var graph:
    String?

  func validate() throws {
    guard (1...64).contains(bytes) else { throw ValidationError("--bytes is \(bytes); 1 to 64 are possible") }
  }

  func run() throws {
    try Failure.reporting {
      if let graph, !["svg", "dot", "gv"].contains(OutputFile.ending(graph)) {
        throw Failure(.usage, "error: --graph \(graph): the name ends in .svg or .dot")
      }
      let cascade = try CascadeFile.read(try SourceText.load(file), shapes: try shapes())
      let analysis = CascadeAnalysis(cascade, bytesPerElement: bytes)
      if let graph {
        let dot = CascadeGraph.dot(analysis)
        try OutputFile.write(OutputFile.ending(graph) == "svg" ? GraphvizRenderer.svg(dot) : dot, to: graph)
      }
      switch format {
      case .text: Console.print(CascadeReport.text(analysis, style: .console))
      case .json: Console.print(CascadeJSON.render(analysis))
      case .dot: Console.print(CascadeGraph.dot(analysis))
      case .cascade: Console.print(CascadeText.write(cascade))
      }
    }
  }

  private func shapes() throws -> [String: Int] {
    var shapes: [String: Int] = [:]
    for text in rank {
      let parts = text.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
        throw Failure(.usage, "error: --rank \(text): it is written RANK=SHAPE, as in --rank M=4096")
      }
      guard let shape = WholeNumber.parse(parts[1]), shape >= 1 else {
        throw Failure(
          .usage,
          "error: --rank \(text): the shape of rank \(parts[0]) is a whole number from 1 to 2^40, such as 4096 or 4k"
        )
      }
      guard shapes[parts[0]] == nil else {
        throw Failure(.usage, "error: --rank \(text): rank \(parts[0]) has a shape already")
      }
      shapes[parts[0]] = shape
    }
    return shapes
  }
}
