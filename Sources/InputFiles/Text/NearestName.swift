/// Finds the name that a user probably meant.
enum NearestName {
  /// The candidate nearest to `name`, or nil where none is near enough to be a slip of the hand.
  static func of(_ name: String, in candidates: some Sequence<String>) -> String? {
    let longestCompared = 64
    guard !name.isEmpty, name.unicodeScalars.count <= longestCompared else { return nil }
    let wanted = Array(name.lowercased().unicodeScalars)
    var best: (name: String, distance: Int)?
    for candidate in candidates {
      let distance = editDistance(wanted, Array(candidate.lowercased().unicodeScalars))
      if distance < best?.distance ?? .max { best = (candidate, distance) }
    }
    // A third of the letters may be wrong; more is another word.
    guard let best, best.distance <= max(1, (wanted.count + 1) / 3) else { return nil }
    return best.name
  }

  /// `did you mean 'x'?`, or the list of what there is.
  static func hint(_ name: String, in candidates: [String]) -> String? {
    if let nearest = of(name, in: candidates) { return "did you mean '\(nearest)'?" }
    guard !candidates.isEmpty else { return nil }
    let shown = 16
    let list = candidates.prefix(shown).joined(separator: ", ") + (candidates.count > shown ? ", ..." : "")
    return "there are: \(list)"
  }

  /// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`.
  private static func editDistance(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
    var before: [Int] = []
    var last = Array(0...b.count)
    for i in 0..<a.count {
      var row = [i + 1]
      for j in 0..<b.count {
        var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, before[j - 1] + 1) }
        row.append(cost)
      }
      (before, last) = (last, row)
    }
    return last[b.count]
  }
}
