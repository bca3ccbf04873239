import Attention
import Dataflow
import Programs
import Schedules
import Spatial
import Testing

@Suite("Tables of mask cases")
struct MasksTableTests {
  @Test("Every bad line is told, with its number and column")
  func badLines() throws {
    let text = """
      case_id,mask,align,window_left,window_right,seq_q,seq_kv,bq,bk
      a,causal,br,,,64,64,16,16
      b,swa,br,x,0,64,64,16,16

      c,causal,up,,,64,64,16,16
      d,causal,br,,,64,64,16
      """
    let errors = try #require(throws: MaskCaseTable.Errors.self) { try MaskCaseTable(parsing: text) }.errors
    #expect(errors.map(\.line) == [3, 5, 6])
    #expect(errors.map(\.column) == ["window_left", "align", nil])
  }

  @Test("A neighborhood that breaks a rule names the column")
  func badNeighborhood() throws {
    let text = "shape,window,stride,q_tile,kv_tile\n16x16,32x8,1x1,4x4,4x4\n16x16,8x8,9x1,4x4,4x4\n"
    let errors = try #require(throws: MaskCaseTable.Errors.self) { try MaskCaseTable(parsing: text) }.errors
    #expect(errors.map(\.column) == ["window", "stride"])
  }

  @Test("A case that does not fit its lengths is told when it is counted")
  func misfit() throws {
    let text = "mask,seqlens_q,seqlens_kv,seq_q,seq_kv,bq,bk\ndocument,3;4,3;4,8,7,4,4\n"
    let table = try MaskCaseTable(parsing: text)
    let errors = try #require(throws: MaskCaseTable.Errors.self) { try table.filled { _ in "" } }.errors
    #expect(errors.map(\.line) == [2])
    #expect(errors[0].message.contains("sum to 7"))
  }

  @Test("Columns that are missing come last, others stay, and a mask may be written in text")
  func filling() throws {
    let text = "note,mask,seq_q,seq_kv,bq,bk,visited_tiles\n\"a, b\",\"causal & doc:32,32\",64,64,16,16,\n"
    let lines = try MaskCaseTable(parsing: text).filled { _ in "" }.split(separator: "\n")
    #expect(lines[0].hasPrefix("note,mask,seq_q,seq_kv,bq,bk,visited_tiles,attended_pairs,"))
    // Two documents of two tiles: three tiles of each are visited, one of them dense.
    #expect(lines[1].hasPrefix("\"a, b\",\"causal & doc:32,32\",64,64,16,16,6,1056,0,4,4,16,2,4,6,2,1,"))
  }
}
