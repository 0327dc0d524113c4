// A SOAP server nobody here wrote (npm `soap`), speaking our sample contract. Run: node peer.js WSDL
"use strict";
const fs = require("fs");
const http = require("http");
const soap = require("soap");

const documents = [];
function post(type, prefix) {
  return function (body) {
    const known = documents.find((each) => each.ExternalReference === body.ExternalReference);
    const found = known || {
      ExternalReference: body.ExternalReference,
      DocumentNumber: `${prefix}-${documents.length + 1}`,
      Type: type,
      PostedOn: "2026-11-20",
    };
    if (!known) documents.push(found);
    return { DocumentNumber: found.DocumentNumber, Status: "POSTED", PostedOn: body.ExternalReference === "bad-date" ? "2026-02-31" : found.PostedOn };
  };
}
const service = {
  ErpService: {
    ErpPort: {
      CreateSalesOrder: post("SALES_ORDER", "SO"),
      ChangeSalesOrder: post("CHANGE", "CH"),
      CancelSalesOrder: post("CANCELLATION", "CA"),
      PostShipment() {
        throw { Fault: { faultcode: "soap:Client", faultstring: "Period closed", detail: { Code: "PERIOD_CLOSED" } } };
      },
      GetStock() {
        return { AsOf: "2026-11-20T08:00:00Z", Item: [{ Sku: "A", Warehouse: "AAR", OnHand: "12.5" }] };
      },
      FindDocument(body) {
        return { Document: documents.filter((each) => each.ExternalReference === body.ExternalReference) };
      },
    },
  },
};

const server = http.createServer((request, response) => response.writeHead(404).end());
server.listen(0, "127.0.0.1", () => {
  const file = process.argv[2];
  soap.listen(server, { path: "/erp", services: service, xml: fs.readFileSync(file, "utf8"), uri: file, callback: () => {
    console.log(server.address().port);
  } });
});
process.stdin.on("end", () => process.exit(0)).resume();
