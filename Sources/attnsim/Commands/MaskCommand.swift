import ArgumentParser
import Attention
import Foundation
import InputFiles
import Reports

/// `attnsim mask`: tile counts of a mask, or of every row of a table, and a picture of the tile map.
struct MaskCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mask",
    abstract: "Counts the tiles of a mask, or of a table of masks, exactly.",
    discussion: """
      Masks: \(MaskGrammar.forms).

      attnsim mask causal --seq-q 4096 --tile-q 128 --tile-kv 64
      attnsim mask gna:30x48x80:w18x24x24 --tile-q 4x8x8 --tile-kv 2x8x8 --svg map.svg
      attnsim mask --cases masks.csv -o counted.csv
      """)

  @Argument(help: "The mask.") var spec: String?
  @Option(help: "A table of cases; its count columns are filled in.") var cases: String?
  @Option(name: [.short, .long], help: "Where the table goes; standard output otherwise.") var output: String?
  @Option(
    name: [.customLong("seq-q"), .customLong("seq")],
    help: "Queries; from the mask where it has lengths. 4k is 4096.")
  var seqQ: String?
  @Option(name: .customLong("seq-kv"), help: "Keys; as many as queries otherwise.") var seqKV: String?
  @Option(
    name: .customLong("tile-q"),
    help: "Query tile: tokens, or AxBxC on a token grid; else the tile of a permuted order, or 128.")
  var tileQ: String?
  @Option(name: .customLong("tile-kv"), help: "Key tile; as the query tile otherwise.") var tileKV: String?
  @Option(help: "Tiles of a token grid: boxes of permuted tokens (tiled) or runs of the sequence (flat).")
  var layout: TileLayout?
  @Flag(help: "Key boxes start at each query tile's own window, not at multiples of their shape.")
  var dynamic = false
  @Option(help: "The head to draw, where masks differ by head.") var head: Int?
  @Option(help: "Draws the tile map.") var svg: String?
  @Option(
    help: "Attention's share of a workload's time, 0 to 1: adds end-to-end speed-ups by Amdahl's law.")
  var share: Double?
  @Option(
    name: .customLong("sparse-share"),
    help: "Share of the calls that use the mask, as 19/28 or 0.68 (default: all).")
  var sparseShare: String?
  @Flag(help: "Prints JSON.") var json = false
  @Flag(help: "Prints a page of Markdown: the forms of masks, and who takes them.") var markdown = false

  enum TileLayout: String, ExpressibleByArgument, CaseIterable { case tiled, flat }

  func validate() throws {
    if markdown, spec == nil, cases == nil { return }
    if (spec == nil) == (cases == nil) || markdown {
      throw ValidationError("a mask or --cases FILE is due, and not both")
    }
    if cases == nil, output != nil { throw ValidationError("-o is where a table of --cases goes") }
    if let share, !(0...1).contains(share) { throw ValidationError("--share is \(share); from 0 to 1") }
    if dynamic, layout == .flat {
      throw ValidationError("--dynamic is for boxes of a token grid; --layout flat has tiles at fixed places")
    }
    if share == nil, sparseShare != nil { throw ValidationError("--sparse-share goes with --share") }
    if cases != nil, svg != nil || json || share != nil {
      throw ValidationError("--svg, --share and --json are for one mask")
    }
  }

  func run() throws {
    try Failure.reporting {
      if markdown { Console.print(try MaskGrammar.markdown()) }
      if let cases { try fillTable(at: cases) }
      if let spec { try count(spec) }
    }
  }

  // MARK: A table

  private func fillTable(at path: String) throws {
    do {
      let filled = try MaskCaseTable(parsing: try read(path)).filled(readingBlockLists: read)
      try OutputFile.write(filled, to: output ?? "-")
    } catch let errors as MaskCaseTable.Errors {
      let lines = errors.errors.map { error in
        "\(path):\(error.line): error: " + (error.column.map { "\($0): " } ?? "") + error.message
      }
      throw Failure(.badInput, lines.joined(separator: "\n"))
    }
  }

  // MARK: One mask

  private func count(_ spec: String) throws {
    let mask = try self.mask(spec)
    let queries = try length(seqQ, "--seq-q") ?? mask.ownLengths?.queries ?? missingLength(of: mask)
    let keys = try length(seqKV, "--seq-kv") ?? mask.ownLengths?.keys ?? queries
    let geometry = try geometry(of: mask)
    let workload = try workload()
    do {
      if let problem = mask.check(seqQ: queries, seqKV: keys).first { throw problem }
      for note in mask.notes(seqKV: keys) { Console.error("note: \(note)") }
      let reports = try mask.headMasks(headCount: 1).map { entry in
        let counts = try MaskCase(mask: entry.mask, seqQ: queries, seqKV: keys, geometry: geometry).counts()
        return MaskReport(
          mask: entry.mask, heads: mask.differsByHead ? entry.heads : nil, counts: counts, workload: workload)
      }
      if let svg { try draw(reports, to: svg) }
      Console.print(
        json ? try MaskReport.json(mask, reports) : reports.map(\.text).joined(separator: "\n\n"))
    } catch let problem as MaskProblem {
      throw Failure(.badInput, "error: \(problem.field): \(problem.message)")
    }
  }

  private func workload() throws -> AmdahlShare? {
    guard let share else { return nil }
    var sparse = 1.0
    if let sparseShare {
      let parts = sparseShare.split(separator: "/", omittingEmptySubsequences: false).map { Double($0) }
      guard let first = parts.first ?? nil, parts.count <= 2, let last = parts[parts.count - 1],
        parts.count == 1 || last > 0
      else { throw ValidationError("--sparse-share is '\(sparseShare)'; write 19/28 or 0.68") }
      sparse = parts.count == 2 ? first / last : first
      guard (0...1).contains(sparse) else {
        throw ValidationError("--sparse-share is \(sparse); from 0 to 1")
      }
    }
    return AmdahlShare(attention: share, sparse: sparse)
  }

  private func length(_ text: String?, _ option: String) throws -> Int? {
    guard let text else { return nil }
    guard let value = WholeNumber.parse(text) else {
      throw ValidationError("\(option) is '\(text)', not a whole number; \(WholeNumber.hint(text) ?? "")")
    }
    return value
  }

  private func mask(_ spec: String) throws -> Mask {
    do {
      return try Mask(parsing: spec).readingBlockLists(read)
    } catch let error as MaskSyntaxError {
      // An error in a block list's file is about other text.
      guard error.text == spec else { throw Failure(.badInput, "error: \(error)") }
      let caret = String(repeating: " ", count: error.position) + "^"
      throw Failure(.badInput, "error: \(error.field): \(error.reason)\n  \(spec)\n  \(caret)")
    }
  }

  private func geometry(of mask: Mask) throws -> TileGeometry {
    var usual = 128
    if case .neighborhood(let neighborhood) = mask, let order = neighborhood.order {
      usual = order.reduce(1, *)
    }
    let query = try tuple(tileQ ?? "\(usual)", "--tile-q")
    let key = try tileKV.map { try tuple($0, "--tile-kv") } ?? query
    let layout = layout ?? (query.count > 1 || key.count > 1 || dynamic ? .tiled : .flat)
    if layout == .tiled {
      // Other masks have no grid to cut into boxes.
      let hasGrid = mask.headMasks(headCount: 1).contains {
        if case .neighborhood = $0.mask { true } else { false }
      }
      guard hasGrid else {
        throw ValidationError(
          dynamic
            ? "--dynamic is for masks of a token grid: gna" : "tiles of several axes need a token grid: gna")
      }
    }
    if layout == .tiled { return .boxes(query: query, key: key, dynamic ? .dynamic : .fixed) }
    guard query.count == 1, key.count == 1 else {
      throw ValidationError("flat tiles have one number, as in --tile-q 128")
    }
    return .linear(query: query[0], key: key[0])
  }

  private func tuple(_ text: String, _ option: String) throws -> [Int] {
    let parts = text.split(separator: "x", omittingEmptySubsequences: false).map {
      WholeNumber.parse(String($0))
    }
    let values = parts.compactMap(\.self)
    guard values.count == parts.count, values.allSatisfy({ $0 >= 1 }) else {
      throw ValidationError("\(option) is '\(text)'; a tile is written 128 or AxBxC, each at least 1")
    }
    return values
  }

  private func draw(_ reports: [MaskReport], to path: String) throws {
    let wanted = reports.filter { report in report.heads.map { $0.contains(head ?? 0) } ?? true }
    guard let report = wanted.first else {
      let heads = reports.compactMap(\.heads).last?.upperBound ?? 1
      throw ValidationError("--head is \(head ?? 0), but the mask has heads 0 to \(heads - 1)")
    }
    guard report.counts.map.queryTiles <= MaskReport.mostListedTiles else {
      throw ValidationError(
        "--svg draws maps of up to \(MaskReport.mostListedTiles) query tiles, not \(report.counts.map.queryTiles); take larger tiles"
      )
    }
    let title = report.heads == nil ? "\(report.mask)" : "\(report.mask), head \(head ?? 0)"
    try OutputFile.write(
      TileMapFigure.svg(report.counts.map, counts: report.counts.tiles, title: title), to: path)
  }

  private func missingLength(of mask: Mask) throws -> Int {
    throw ValidationError("\(mask) has no length of its own: --seq-q is due")
  }

  // MARK: Files

  private func read(_ path: String) throws -> String {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw Failure(.badInput, "\(path): error: the file cannot be read as text")
    }
    return text
  }
}

extension Mask {
  fileprivate var differsByHead: Bool { if case .perHead = self { true } else { false } }

  /// Lengths that the mask itself tells.
  fileprivate var ownLengths: (queries: Int, keys: Int)? {
    switch self {
    case .neighborhood(let neighborhood): (neighborhood.tokens, neighborhood.tokens)
    case .documents(let documents):
      (Self.sum(documents.queryLengths), Self.sum(documents.keyLengths))
    case .intersection(let masks), .union(let masks): masks.lazy.compactMap(\.ownLengths).first
    case .perHead(let entries): entries.lazy.compactMap(\.mask.ownLengths).first
    default: nil
    }
  }

  /// Lengths that a user wrote may not fit a number; the sum stays at the largest, which `check` refuses.
  private static func sum(_ lengths: [Int]) -> Int {
    lengths.reduce(0) { sum, length in
      let (total, overflows) = sum.addingReportingOverflow(length)
      return overflows ? Int.max : total
    }
  }
}
