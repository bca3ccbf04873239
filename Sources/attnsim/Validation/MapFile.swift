import InputFiles

enum MapFile {
  /// `named` (`--map`), or the map of the checkout that the command runs in or was built from.
  static func path(_ named: String?) throws(Failure) -> String {
    if let named { return named }
    let here = "validation/map.yaml"
    if (try? SourceText.load(here)) != nil { return here }
    if let folder = CheckoutFolder.find("validation") { return "\(folder)/map.yaml" }
    throw Failure(.badInput, "error: there is no \(here); give --map FILE")
  }
}
