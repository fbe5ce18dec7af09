/** CUDA's files fetched from a feed on this machine: found, checked, taken up again, loaded, removed. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { zipSync } from 'fflate';
import { cudaInstallation, installCuda, removeCuda, RunnerError } from '../../../src/runtime/index.ts';
import { unsupportedPlatform } from '../../../src/runtime/cuda/install.ts';
import { TestFolder } from './numpy-files.ts';
import { samples, Workers } from './worker-bundle.ts';

const ort = path.resolve(import.meta.dirname, '../../../node_modules/onnxruntime-node');
const isLinux = `${process.platform}-${process.arch}` === 'linux-x64';
const native = 'runtimes/linux-x64/native/';

/** Two libraries that are none, of bytes that do not shrink. */
const nupkg = zipSync(
  {
    [`${native}libonnxruntime_providers_shared.so`]: createHash('sha512').update('shared').digest(),
    [`${native}libonnxruntime_providers_cuda.so`]: Uint8Array.from(
      { length: 300_000 },
      (_, i) => (i * 31) % 251,
    ),
    'lib/other.txt': new Uint8Array(10),
  },
  { level: 0 },
);

/** A NuGet v3 feed with one package. */
class Feed {
  #server: Server | undefined;
  /** Ends the connection after so many bytes of the package. */
  breakAfter = Infinity;
  hash: string | undefined = createHash('sha512').update(nupkg).digest('base64');
  readonly ranges: (string | undefined)[] = [];

  constructor() {
    before(async () => {
      const server = createServer((request, response) => {
        const url = request.url ?? '';
        const base = this.url.replace('/index.json', '');
        if (url.endsWith('.nupkg')) {
          const { range } = request.headers;
          this.ranges.push(range);
          const from = range === undefined ? 0 : Number(/\d+/.exec(range)?.[0]);
          const rest = nupkg.subarray(from);
          response.writeHead(range === undefined ? 200 : 206, { 'content-length': rest.length });
          if (rest.length <= this.breakAfter) response.end(rest);
          else response.write(rest.subarray(0, this.breakAfter), () => response.destroy());
          return;
        }
        const answers: [RegExp, unknown][] = [
          [
            /index\.json$/,
            {
              resources: [
                { '@id': `${base}/flat/`, '@type': 'PackageBaseAddress/3.0.0' },
                { '@id': `${base}/reg`, '@type': 'RegistrationsBaseUrl/3.6.0' },
              ],
            },
          ],
          [/^\/reg\//, { catalogEntry: `${base}/catalog.json` }],
          [/catalog/, { packageHash: this.hash, packageHashAlgorithm: 'SHA512' }],
        ];
        const answer = answers.find(([pattern]) => pattern.test(url))?.[1];
        response.writeHead(answer === undefined ? 404 : 200).end(JSON.stringify(answer));
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      this.#server = server;
    });
    after(() => this.#server?.close());
  }

  get url(): string {
    assert.ok(this.#server);
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}/index.json`;
  }
}

const isEpError = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof RunnerError && error.kind === 'ep', String(error));
  assert.match(error.message, pattern);
  return true;
};

describe('CUDA', () => {
  const PLATFORMS: [string, RegExp | undefined][] = [
    ['linux-x64', undefined],
    [
      'win32-x64',
      /^CUDA is not supported on win32-x64: .* linux-x64 only\. Use DirectML \(dml\) or WebGPU\.$/,
    ],
    ['darwin-arm64', /not supported on darwin-arm64.*Use CoreML or WebGPU\.$/],
    ['linux-arm64', /not supported on linux-arm64.*Use WebGPU or the CPU\.$/],
  ];
  for (const [here, why] of PLATFORMS) {
    it(`on ${here} ${why === undefined ? 'can be installed' : 'is refused, with what to use in its place'}`, () => {
      const said = unsupportedPlatform(here);
      if (why === undefined) assert.equal(said, undefined);
      else assert.match(said ?? '', why);
    });
  }
});

if (isLinux) {
  describe('the CUDA files', () => {
    const folder = new TestFolder();
    const feed = new Feed();
    const workers = new Workers();
    const nativeFolder = (at: string) => path.join(at, 'node_modules/onnxruntime-node/bin/napi-v6/linux/x64');

    it('are fetched, taken up again where the download broke off, and loaded from there', async () => {
      const at = folder.file('cuda');
      const request = { folder: at, ort, from: { feed: feed.url } };
      feed.breakAfter = 100_000;
      await assert.rejects(installCuda(request), isEpError(/download from .* failed: .*Try again/));
      assert.equal(await cudaInstallation(at, ort), undefined);
      feed.breakAfter = Infinity;
      const messages: string[] = [];
      const installed = await installCuda(request, { onProgress: (p) => messages.push(p.message) });
      assert.deepEqual(feed.ranges, [undefined, 'bytes=100000-']);
      assert.match(messages.join(), /asking the feed.*0 MiB of 0 MiB.*SHA-512.*unpacking.*is installed/);
      assert.equal(installed.bytes, 300_064);
      assert.deepEqual(await cudaInstallation(at, ort), installed);
      assert.equal(
        (await stat(path.join(nativeFolder(at), 'libonnxruntime_providers_cuda.so'))).size,
        300_000,
      );
      assert.deepEqual((await readdir(at)).sort(), ['installed.json', 'node_modules']);

      // the runner uses that copy: the CPU works, and CUDA's library is found, though it is none
      const runner = workers.runner({ ortFolder: installed.ortFolder });
      await runner.profile(path.join(samples, 'fmnist_cnn.onnx'));
      const cuda = (await runner.probeEps()).find((s) => s.ep === 'cuda');
      assert.equal(cuda?.available, false);
      assert.match(cuda.detail, /^its library cannot be loaded: libonnxruntime_providers_shared\.so: /);

      await removeCuda(at);
      assert.deepEqual(await readdir(at), []);
    });

    it('that are not what the feed promised are refused and not kept', async () => {
      const at = folder.file('wrong');
      const from = { feed: feed.url, sha512: 'ab'.repeat(64) };
      await assert.rejects(installCuda({ folder: at, ort, from }), isEpError(/SHA-512 .* not abab/));
      assert.deepEqual(await readdir(at), []);
    });

    it('of a feed that tells no checksum are not fetched', async () => {
      const { hash } = feed;
      feed.hash = undefined;
      const request = { folder: folder.file('none'), ort, from: { feed: feed.url } };
      await assert.rejects(installCuda(request), isEpError(/tells no SHA-512/));
      feed.hash = hash;
      await assert.rejects(
        installCuda({ ...request, from: { feed: feed.url.replace('index.json', 'nothing') } }),
        isEpError(/The feed cannot be read at .*HTTP status 404/),
      );
    });

    it('come from a file, too, which stays', async () => {
      const file = await folder.write('gpu.nupkg', nupkg);
      const at = folder.file('from-file');
      const sha512 = createHash('sha512').update(nupkg).digest('hex');
      assert.equal((await installCuda({ folder: at, ort, from: { file, sha512 } })).bytes, 300_064);
      assert.ok(existsSync(file));
      const empty = await folder.write('empty.zip', zipSync({ a: new Uint8Array(1) }));
      await assert.rejects(
        installCuda({ folder: at, ort, from: { file: empty } }),
        isEpError(/empty\.zip does not hold runtimes\/linux-x64/),
      );
      // what was begun is no installation
      assert.equal(await cudaInstallation(at, ort), undefined);
    });

    it('of another version are not taken for this one', async () => {
      const at = folder.file('old');
      await mkdir(at);
      await writeFile(path.join(at, 'installed.json'), JSON.stringify({ version: '1.0.0', bytes: 1 }));
      assert.equal(await cudaInstallation(at, ort), undefined);
      const { version } = JSON.parse(await readFile(path.join(ort, 'package.json'), 'utf8')) as {
        version: string;
      };
      await writeFile(path.join(at, 'installed.json'), JSON.stringify({ version, bytes: 1 }));
      assert.equal((await cudaInstallation(at, ort))?.version, version);
    });

    it('are not begun once cancelled', async () => {
      await assert.rejects(
        installCuda(
          { folder: folder.file('cancelled'), ort, from: { feed: feed.url } },
          { signal: AbortSignal.abort() },
        ),
        { name: 'AbortError' },
      );
    });
  });
}
