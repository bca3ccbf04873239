import Foundation
import Testing

/// What keeps the house in order: lengths, documentation, and which room knows what.
@Suite("The house") struct TidyTests {
  private let sources = SourceFile.sources

  @Test("The sources are found") func found() {
    #expect(sources.count > 300)
    #expect(
      Set(sources.map(\.room)).isSuperset(of: ["HWModels", "Attention", "Programs", "Schedules", "Simulator"])
    )
  }

  @Test("No file is longer than 300 lines") func files() {
    for file in sources { #expect(file.lines.count - 1 <= 300, "\(file.path)") }
  }

  @Test("No function is longer than 70 lines") func functions() {
    var count = 0
    for file in sources {
      for function in file.functions {
        count += 1
        #expect(function.length <= 70, "\(file.path):\(function.line)")
      }
    }
    #expect(count > 1500)
  }

  @Test("Every public type says what it is") func documented() {
    for file in sources {
      let lines = file.lines
      for (index, line) in lines.enumerated()
      where line.firstMatch(of: #/^ *public (?:(?:final|indirect) )*(?:struct|enum|class|protocol|actor) /#)
        != nil
      {
        let before = lines[..<index].last { !$0.trimmingPrefix(while: \.isWhitespace).hasPrefix("@") }
        let isDocumented = before?.trimmingPrefix(while: \.isWhitespace).hasPrefix("///") ?? false
        #expect(isDocumented, "\(file.path):\(index + 1)")
      }
    }
  }

  @Test("A page begins with its heading") func headings() {
    let pages =
      SourceFile.all(in: "docs", ending: ".md")
      + ["README.md", "ARCHITECTURE.md"].compactMap { name in
        (try? String(contentsOfFile: "\(SourceFile.checkout)/\(name)", encoding: .utf8)).map {
          SourceFile(path: name, text: $0)
        }
      }
    #expect(pages.count > 4)
    for page in pages { #expect(page.text.hasPrefix("# "), "\(page.path)") }
  }

  @Test("The engine knows no vendor and no chip") func vendors() {
    let names =
      #/(?i)\b(?:nvidia|amd|intel|hopper|blackwell|ampere|cuda|rocm|sycl|[abh]100|[bh]200|b300|mi\d{3}x?|wgmma|tcgen05|mfma|dpas)\b/#
    let rooms: Set = ["HWModels", "Attention", "Programs", "Results", "Simulator", "Interpreter"]
    for file in sources where rooms.contains(file.room) {
      // Names in literals count too: those decide.
      let text = file.text.replacing(#/\/\/[^\n]*/#, with: "")
      #expect(text.firstMatch(of: names) == nil, "\(file.path)")
    }
  }

  /// Families whose kernels are another family's with other numbers.
  private static let builtUpon: [String: Set<String>] = [
    "CuDNN": ["FlashAttention3"],
    "Sparse": ["FlashAttention2", "FlexAttention"],
  ]

  @Test("A family knows itself, the vocabulary, and what it is built upon") func families() {
    var home: [String: String] = [:]
    for file in sources { for type in file.declared { if let family = file.family { home[type] = family } } }
    for file in sources {
      guard let family = file.family else { continue }
      for type in file.mentioned {
        guard let other = home[type], other != family, other != "Vocabulary" else { continue }
        #expect(Self.builtUpon[family]?.contains(other) ?? false, "\(file.path) mentions \(type) of \(other)")
      }
    }
    for (family, others) in Self.builtUpon {
      #expect(
        others.allSatisfy { Self.builtUpon[$0] == nil },
        "\(family) is built upon a family that is built upon one")
    }
  }

  @Test("No room holds more than a fifth of the code") func rooms() {
    var lines: [String: Int] = [:]
    for file in sources { lines[file.room, default: 0] += file.lines.count - 1 }
    let all = lines.values.reduce(0, +)
    for (room, count) in lines { #expect(count * 5 <= all, "\(room): \(count) of \(all)") }
  }

  @Test("No circle of references in a room is longer than ten files") func circles() {
    for (room, files) in Dictionary(grouping: sources, by: \.room) {
      let largest = Circles(files).largest
      #expect(largest.count <= 10, "\(room): \(largest.map(\.path).joined(separator: ", "))")
    }
  }
}

/// Files of a room that mention each other's types, directly or over others.
private struct Circles {
  let largest: [SourceFile]

  init(_ files: [SourceFile]) {
    var home: [String: Int] = [:]
    for (index, file) in files.enumerated() { for type in file.declared { home[type] = index } }
    let mentions = files.map { file in Set(file.mentioned.compactMap { home[$0] }) }
    func reached(from start: Int) -> Set<Int> {
      var seen: Set<Int> = []
      var open = [start]
      while let next = open.popLast() {
        for other in mentions[next] where seen.insert(other).inserted { open.append(other) }
      }
      return seen
    }
    let reach = files.indices.map(reached)
    let circles = files.indices.map { index in
      files.indices.filter { reach[index].contains($0) && reach[$0].contains(index) }
    }
    largest = (circles.max { $0.count < $1.count } ?? []).map { files[$0] }
  }
}
