import Attention
import HWModels

/// A shape as `verify` prints it: `b1 h4/2 q19 kv448 d64 causal fwd`.
enum ShapeArgument {
  /// - Throws: `Failure` with code 64 that names the word that is wrong.
  static func parse(_ text: String) throws(Failure) -> AttentionShape {
    var numbers: [String: Int] = [:]
    var mask = Mask.none
    var type = DataType.bf16
    var pass = AttentionShape.Pass.forward
    var lengths: BatchLengths?
    for word in text.split(whereSeparator: { $0 == " " }).map(String.init) {
      let letters = String(word.prefix { $0.isLetter })
      let rest = word.dropFirst(letters.count)
      let parts = rest.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
      if ["b", "h", "q", "kv", "d"].contains(letters), let first = parts.first ?? nil, parts.count <= 2 {
        numbers[letters] = first
        if parts.count == 2, let second = parts[1] { numbers[letters + "/"] = second }
      } else if word.hasPrefix("shared:"), let keys = Int(word.dropFirst("shared:".count)) {
        numbers["shared"] = keys
      } else if word.hasPrefix("lengths:") {
        do {
          lengths = try BatchLengths(parsing: String(word.dropFirst("lengths:".count)))
        } catch {
          throw Failure(.usage, "error: --shape: '\(word)' in '\(text)': \(error)")
        }
      } else if let value = AttentionShape.Pass(rawValue: word) {
        pass = value
      } else if let value = DataType(rawValue: word) {
        type = value
      } else if let value = try? Mask(parsing: word) {
        mask = value
      } else {
        throw Failure(
          .usage, "error: --shape: '\(word)' in '\(text)'; write for example 'b1 h4/2 q19 kv448 d64 causal'")
      }
    }
    do {
      return try AttentionShape(
        batch: numbers["b"] ?? lengths?.keys.count ?? 1, headsQ: numbers["h"] ?? 1, headsKV: numbers["h/"],
        seqQ: numbers["q"] ?? lengths?.mostQueries ?? 128,
        seqKV: numbers["kv"], headDim: numbers["d"] ?? 64, headDimV: numbers["d/"], dataType: type,
        mask: mask,
        pass: pass, lengths: lengths, sharedPrefix: numbers["shared"] ?? 0)
    } catch {
      throw Failure(.usage, "error: --shape: \(error.description)")
    }
  }
}
