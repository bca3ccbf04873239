import InputFiles

package enum MapFile {
  /// `named` (`--map`), or the map of the checkout that the command runs in or was built from.
  package static func path(_ named: String?) throws(UnusableInput) -> String {
    if let named { return named }
    let here = "validation/map.yaml"
    if (try? SourceText.load(here)) != nil { return here }
    if let folder = CheckoutFolder.find("validation") { return "\(folder)/map.yaml" }
    throw UnusableInput("error: there is no \(here); give --map FILE")
  }
}
