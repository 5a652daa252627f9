// Analyses queries with Microsoft's own Kusto language service, over schemas
// of the tables as Azure Monitor documents them (Azure Monitor table
// reference, Microsoft, CC BY 4.0; columns that matter here).
//
//   node kql_check.js [--questions] MODULES QUERY.kql...
//
// Any diagnostic is a failure, as is a result without the expected columns, a
// query over 10,000 characters, and a checker that lets a wrong column pass.
// Hunting questions have columns of their own and no limit of a rule's.
'use strict';
const fs = require('fs'), path = require('path'), vm = require('vm');

const questions = process.argv[2] === '--questions';
const [modules, ...files] = process.argv.slice(questions ? 3 : 2);
const dir = path.join(modules, '@kusto', 'language-service-next');
// Else a fault in the service prints the whole of its one long line.
process.on('uncaughtException', e => { console.log(`the language service failed: ${e.stack}`); process.exit(1); });
for (const f of ['bridge.min.js', 'Kusto.Language.Bridge.min.js']) {
  vm.runInThisContext(fs.readFileSync(path.join(dir, f), 'utf8'), { filename: f });
}
const K = globalThis.Kusto.Language, S = K.Symbols, A = globalThis.System.Array;
const tables = Object.entries(JSON.parse(fs.readFileSync(path.join(__dirname, 'schemas.json'), 'utf8')))
  .map(([name, columns]) => new S.TableSymbol.$ctor7(name, `(${columns})`, null));
// What a workspace has beside its tables.
const watchlist = new S.FunctionSymbol.$ctor16('_GetWatchlist',
  '(watchlistAlias: string)', "{ datatable(SearchKey: dynamic, Expires: dynamic, LastUpdatedTimeUTC: datetime)[] }", null);
const members = A.init([...tables, watchlist], S.Symbol);
const globals = K.GlobalState.Default.WithDatabase(new S.DatabaseSymbol.$ctor1('workspace', members, false));

function check(text) {
  const code = K.KustoCode.ParseAndAnalyze(text, globals), found = code.GetDiagnostics(), faults = [], columns = [];
  for (let i = 0; i < found.Count; i++) {
    const d = A.getItem(found, i);
    faults.push(`${d.Severity} ${d.Code}: ${d.Message} at "${text.substr(d.Start, Math.max(d.Length, 1))}"`);
  }
  const result = code.ResultType && code.ResultType.Columns;
  for (let i = 0; result && i < result.Count; i++) columns.push(A.getItem(result, i).Name);
  return { faults, columns };
}

const want = questions ? ['events', 'apis', 'first', 'last', 'evidence'] : ['TimeGenerated', 'CloudProvider', 'Identity', 'AccountId', 'DiscoveryCount', 'DistinctAPIs', 'APIList',
  'DistinctRegions', 'SourceIPs', 'FirstSeen', 'LastSeen', 'RiskScore'];
let failed = 0;
const fail = (file, why) => { failed++; console.log(`${file}: ${why}`); };

for (const wrong of ['_GetWatchlist("x") | project Nothing', 'AWSCloudTrail | where SourceIPAddress == ""', 'AWSCloudTrail | wher EventName == ""', 'NoTable | count']) {
  if (check(wrong).faults.length === 0) fail('checker', `lets pass: ${wrong}`);
}
for (const file of files) {
  const text = fs.readFileSync(file, 'utf8'), { faults, columns } = check(text);
  faults.forEach(f => fail(file, f));
  const missing = want.filter(c => !columns.includes(c));
  if (missing.length) fail(file, `no column ${missing.join(', ')} among ${columns.join(', ')}`);
  if (!questions && [...text].length > 10000) fail(file, `${[...text].length} characters`);
}
console.log(`${files.length} queries, ${failed} faults`);
process.exit(failed || !files.length ? 1 : 0);
