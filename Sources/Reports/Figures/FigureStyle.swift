/// Colours and type of all pictures: one palette, light and dark, print in light.
enum FigureStyle {
  /// Colours that keep apart on white and on near-black, also for most colour-blind readers.
  static let palette = [
    "#2f6fde", "#d9632b", "#1f9d6b", "#b24ea8", "#c99a1d", "#0e9fb5", "#d1495b", "#7a6ff0", "#6f8f2f",
    "#8d6e63",
    "#5f7d95",
  ]

  /// Class of the fill or the stroke of palette colour `index`.
  static func fill(_ index: Int) -> String { "f\(index % palette.count)" }
  static func stroke(_ index: Int) -> String { "s\(index % palette.count)" }

  static let css: String = {
    var text = base
    for (place, colour) in palette.enumerated() {
      text += ".fig .f\(place){fill:\(colour)}.fig .s\(place){stroke:\(colour);fill:none}"
    }
    return text + "@media (prefers-color-scheme:dark){\(dark)}@media print{\(light)}"
  }()

  private static let base =
    ".fig{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;font-size:12px}"
    + ".fig .small{font-size:10.5px}.fig .head{font-size:15px;font-weight:600}.fig .strong{font-weight:600}"
    + ".fig line,.fig polyline{stroke-width:1}.fig .thick{stroke-width:2.2}.fig .dash{stroke-dasharray:5 4}"
    + ".fig .dots{stroke-dasharray:1.5 3}.fig .soft{opacity:.14}.fig .faint{opacity:.35}.fig .onfill{fill:#fff}.fig .band{opacity:.6}.fig .point{opacity:.8}"
    + ".fig .halo{paint-order:stroke;stroke-width:3.5px;stroke-linejoin:round}" + light

  private static let light = colours(
    page: "#ffffff", ink: "#1a1f26", dim: "#59636e", grid: "#e4e7eb", axis: "#8b949e", wait: "#d5dae0")
  private static let dark = colours(
    page: "#14181d", ink: "#e8ebee", dim: "#a0a9b2", grid: "#2a3037", axis: "#6b7580", wait: "#3a424b")

  private static func colours(
    page: String, ink: String, dim: String, grid: String, axis: String, wait: String
  ) -> String {
    ".fig .page{fill:\(page)}.fig .ink{fill:\(ink)}.fig .dim{fill:\(dim)}.fig .grid{stroke:\(grid)}"
      + ".fig .axis{stroke:\(axis)}.fig .frame{stroke:\(axis);fill:none}.fig .halo{stroke:\(page)}"
      + ".fig .mark{stroke:\(ink);fill:none}.fig .wait{fill:\(wait)}"
  }

  /// Width of a text in pixels, on the safe side, for type of `size` pixels.
  static func width(of text: String, size: Double = 12) -> Double { Double(text.count) * size * 0.58 }
}
