/// A cell that cannot be read.
struct CellError: Error {
  var column: String?
  var message: String
}

/// The cells of one line by column name.
package struct Cells {
  package let header: [String]
  package let fields: [String]

  func neighborhoodCase() throws(CellError) -> MaskCase {
    let shape = try tuple("shape")
    if let axes = try optionalNumber("ndim"), axes != shape.count {
      throw CellError(column: "ndim", message: "\(axes) axes, but shape has \(shape.count)")
    }
    func perAxis(_ column: String) throws(CellError) -> [Int]? {
      text(column).isEmpty ? nil : try tuple(column)
    }
    let causal = try perAxis("causal")
    if let flag = causal?.first(where: { $0 != 0 && $0 != 1 }) {
      throw CellError(column: "causal", message: "'\(flag)' is neither 0 nor 1")
    }
    let (window, stride, dilation) = (try tuple("window"), try perAxis("stride"), try perAxis("dilation"))
    let neighborhood: Neighborhood
    do throws(MaskProblem) {
      neighborhood = try Neighborhood(
        shape: shape, window: window, stride: stride, dilation: dilation, isCausal: causal?.map { $0 == 1 })
    } catch {
      throw CellError(column: error.field, message: error.message)
    }
    let (query, key) = (try tuple("q_tile"), try tuple("kv_tile"))
    let geometry: TileGeometry
    switch (text("layout"), text("kv_tiling")) {
    case ("tiled", "static"), ("", ""), ("tiled", ""): geometry = .boxes(query: query, key: key, .fixed)
    case ("tiled", "dynamic"): geometry = .boxes(query: query, key: key, .dynamic)
    case ("flat", "static"), ("flat", ""):
      guard query.count == 1, key.count == 1 else {
        throw CellError(
          column: query.count == 1 ? "kv_tile" : "q_tile", message: "tiles of a flat layout have one number")
      }
      geometry = .linear(query: query[0], key: key[0])
    case ("flat", _): throw CellError(column: "kv_tiling", message: "a flat layout has static tiles only")
    case ("tiled", let tiling), ("", let tiling):
      throw CellError(column: "kv_tiling", message: "'\(tiling)' is neither static nor dynamic")
    case (let layout, _): throw CellError(column: "layout", message: "'\(layout)' is neither tiled nor flat")
    }
    return MaskCase(
      mask: .neighborhood(neighborhood), seqQ: neighborhood.tokens, seqKV: neighborhood.tokens,
      geometry: geometry)
  }

  func sequenceCase() throws(CellError) -> MaskCase {
    MaskCase(
      mask: try mask(), seqQ: try number("seq_q"), seqKV: try number("seq_kv"),
      geometry: .linear(query: try number("bq"), key: try number("bk")))
  }

  private func mask() throws(CellError) -> Mask {
    let alignment: Mask.Alignment
    switch text("align") {
    case "br", "": alignment = .bottomRight
    case "tl": alignment = .topLeft
    case let other: throw CellError(column: "align", message: "'\(other)' is neither br nor tl")
    }
    switch text("mask") {
    case "causal": return alignment == .bottomRight ? .causal : .causalTopLeft
    case "swa":
      let (left, right) = (try reach("window_left"), try reach("window_right"))
      return alignment == .bottomRight
        ? .slidingWindow(left: left, right: right) : .slidingWindowTopLeft(left: left, right: right)
    case "prefix_lm": return .prefix(length: try number("prefix"), alignment)
    case "sink_window":
      return .sink(tokens: try number("sink"), window: try number("window"), alignment)
    case "document", "varlen":
      return .documents(
        Documents(
          queryLengths: try list("seqlens_q"), keyLengths: try list("seqlens_kv"),
          isCausal: try flag("doc_causal"), tiling: text("mask") == "varlen" ? .restarting : .packed))
    case "block_sparse":
      let blocks = Mask.blockSparse(try blockSparse())
      return try flag("block_causal") ? .intersection([blocks, .causal]) : blocks
    case let other:
      do throws(MaskSyntaxError) { return try Mask(parsing: other) } catch {
        throw CellError(column: "mask", message: error.description)
      }
    }
  }

  private func blockSparse() throws(CellError) -> BlockSparse {
    let (queryBlock, keyBlock) = (try number("list_bq"), try number("list_bk"))
    let list: BlockList
    do throws(MaskSyntaxError) { list = try BlockList(parsing: text("block_list")) } catch {
      throw CellError(column: "block_list", message: error.description)
    }
    do throws(MaskProblem) {
      return try BlockSparse(queryBlock: queryBlock, keyBlock: keyBlock, pattern: .list(list))
    } catch {
      throw CellError(column: "list_bq", message: error.message)
    }
  }

  // MARK: Cells

  private func text(_ column: String) -> String {
    header.firstIndex(of: column).map { fields[$0] } ?? ""
  }

  private func optionalNumber(_ column: String) throws(CellError) -> Int? {
    text(column).isEmpty ? nil : try number(column)
  }

  private func number(_ column: String) throws(CellError) -> Int {
    guard let value = Int(text(column)) else {
      throw CellError(column: column, message: "'\(text(column))' is not a whole number")
    }
    return value
  }

  private func reach(_ column: String) throws(CellError) -> Int? {
    let value = try number(column)
    if value < -1 { throw CellError(column: column, message: "\(value) is less than -1, which is unbounded") }
    return value < 0 ? nil : value
  }

  private func flag(_ column: String) throws(CellError) -> Bool {
    switch text(column) {
    case "0", "": return false
    case "1": return true
    case let other: throw CellError(column: column, message: "'\(other)' is neither 0 nor 1")
    }
  }

  private func tuple(_ column: String) throws(CellError) -> [Int] { try numbers(column, separator: "x") }
  private func list(_ column: String) throws(CellError) -> [Int] { try numbers(column, separator: ";") }

  private func numbers(_ column: String, separator: Character) throws(CellError) -> [Int] {
    var values: [Int] = []
    for part in text(column).split(separator: separator, omittingEmptySubsequences: false) {
      guard let value = Int(part) else {
        throw CellError(column: column, message: "'\(part)' in '\(text(column))' is not a whole number")
      }
      values.append(value)
    }
    return values
  }
}
