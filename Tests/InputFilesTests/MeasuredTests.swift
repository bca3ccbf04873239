import Attention
import Dataflow
import InputFiles
import Programs
import Schedules
import Spatial
import Testing

private let header =
  "gpu,kernel,pass,dtype,batch,heads_q,heads_kv,seq_q,seq_kv,head_dim,head_dim_v,mask,flops,burst_us,sustained_us,kernel_us\n"
private let row = "G,fa2,fwd,bf16,4,16,16,4096,4096,128,128,none,5e11,1500,1600,1550\n"

@Suite("Measured tables")
struct MeasuredTests {
  static let mistakes: [(text: String, parts: [String])] = [
    (
      header + "G,fa2,fwd,bf16,4,16,16,4096,4096,128,128,none,5e11,1500,‸-1600,1550\n",
      ["'sustained_us' is -1600"]
    ),
    (
      header + "G,fa2,fwd,bf16,4,16,16,4096,4096,128,128,none,5e11,‸fast,1600,1550\n",
      ["'fast' in 'burst_us' is not a number"]
    ),
    (
      header + "G,fa2,fwd,bf16,4,16,16,4096,4096,128,128,none,5e11,‸nan,1600,1550\n",
      ["'nan' in 'burst_us' is not a number"]
    ),
    (header + "G,fa2,fwd,bf16,‸0,16,16,4096,4096,128,128,none,5e11,1,1600,1550\n", ["'0' in 'batch'"]),
    (header + "G,fa2,fwd,bf16,4,16,16,4096,4096,128,128,none,5e11,,‸,\n", ["the row has no time"]),
    (header + "G,fa2,‸forward,bf16,4,16,16,4096,4096,128,128,none,5e11,1500,1600,1550\n", ["not a pass"]),
    (header + "‸G,fa2,fwd\n", ["3 values under 16 columns"]),
    (header + row + "‸" + row, ["the same row stands at line 2 already"]),
    (
      header + row + "‸H,fa2,fwd,bf16,4,16,16,4096,4096,64,64,none,5e11,1500,1600,1550\n",
      ["a second GPU, 'H'"]
    ),
    ("‸" + header.replacing("sustained_us", with: "sustained") + row, ["is 'sustained' meant?"]),
  ]

  @Test("Mistakes have their line and column", arguments: mistakes)
  func place(text: String, parts: [String]) {
    let marked = Marked(text)
    check(
      diagnostics { () throws(InputError) in try MeasuredTable(SourceText(name: "m.csv", text: marked.text))
      },
      at: marked.places, saying: parts)
  }

  static let publishedHeader =
    "source,hardware,kernel,pass,dtype,batch,heads_q,heads_kv,seq_q,seq_kv,head_dim,head_dim_v,mask,metric,value,unit,note\n"

  static let publishedMistakes: [(text: String, parts: [String])] = [
    (
      publishedHeader + "a,H100,fa,fwd,bf16,4,16,16,4096,4096,128,128,none,tflops,‸-3,TFLOP/s,\n",
      ["'value' is -3"]
    ),
    (
      publishedHeader + "a,H100,fa,fwd,bf16,4,16,16,4096,4096,128,128,none,tflops,‸,TFLOP/s,\n",
      ["'value' is empty"]
    ),
    (
      publishedHeader + "a,‸,fa,fwd,bf16,4,16,16,4096,4096,128,128,none,tflops,3,TFLOP/s,\n",
      ["'hardware' is empty"]
    ),
    (
      "‸" + publishedHeader.replacing("metric", with: "metrics")
        + "a,H,f,fwd,bf16,4,16,16,1,1,8,8,none,t,3,u,\n",
      ["is 'metrics' meant?"]
    ),
  ]

  @Test("Mistakes in published tables have their line and column", arguments: publishedMistakes)
  func publishedPlace(text: String, parts: [String]) {
    let marked = Marked(text)
    check(
      diagnostics { () throws(InputError) in
        try PublishedTable(SourceText(name: "p.csv", text: marked.text))
      },
      at: marked.places, saying: parts)
  }

  @Test("A published shape takes what is left out from the queries, and names what is missing")
  func publishedShape() throws {
    let text =
      Self.publishedHeader + "a,H100,fa,fwd,fp16,2,16,,4096,,128,,causal,tflops,600,TFLOP/s,\n"
      + "a,H100,fa,fwd,fp16,2,16,,4096,,,,causal,tflops,600,TFLOP/s,\n"
    let table = try PublishedTable(SourceText(name: "p.csv", text: text))
    let shape = try table.rows[0].shape()
    #expect(shape.headsKV == 16 && shape.seqKV == 4096 && shape.headDimV == 128 && shape.mask == .causal)
    #expect(throws: MeasuredTable.RowError.self) { try table.rows[1].shape() }
  }

  @Test("A case measured twice is a warning")
  func twice() throws {
    let text = header + row + row.replacing("1600", with: "1610")
    let table = try MeasuredTable(SourceText(name: "m.csv", text: text))
    #expect(table.rows.count == 2)
    #expect(table.warnings.first?.description.hasPrefix("m.csv:3:1: warning: the same case") == true)
  }

  @Test("Windows line ends read alike")
  func lineEnds() throws {
    let table = try MeasuredTable(
      SourceText(name: "m.csv", text: (header + row).replacing("\n", with: "\r\n")))
    #expect(table.rows.first?.microseconds == [.burst: 1500, .sustained: 1600, .kernel: 1550])
  }

  @Test(
    "Every table in validation/ reads, and the map knows every kernel in them",
    arguments: ["h100", "a100", "h100_serving"])
  func repository(name: String) throws {
    let table = try MeasuredTable(SourceText.load("\(checkout)/validation/\(name).csv"))
    let map = try KernelMap(SourceText.load("\(checkout)/validation/map.yaml"))
    let device = try #require(map.device(of: table.gpu))
    #expect(library.ids().contains(device))
    for row in table.rows {
      let target = map.target(kernel: row.kernel, gpu: row.gpu, pass: row.pass, launches: row.kernels)
      #expect(target != .notModelled("the map has no rule for it"), "\(row.kernel) \(row.pass)")
    }
  }

  @Test("The counters read")
  func counters() throws {
    let table = try CounterTable(SourceText.load("\(checkout)/validation/counters_h100.csv"))
    #expect(table.rows.count == 31)
    let first = try #require(table.rows.first)
    #expect(first.cycles == 3_256_364)
    #expect(first.dramReadBytes == 201.599744e6)
    #expect(try first.shape().headsQ == 32)
  }
}
