/** Entry of the session's thread. Bundled to dist/session-worker.cjs. */
import { parentPort, workerData } from 'node:worker_threads';
import { learnInt8Overflows, learnWebgpuOverhead } from '../../src/machine.ts';
import type { Machine } from '../../src/machine.ts';
import { createPeer, type Peer } from '../../src/rpc.ts';
import { errorCodec } from './errors.ts';
import { threadPort } from './port.ts';
import type { SessionApi, SessionHostApi } from './protocol.ts';
import { Session } from './session.ts';

if (parentPort === null) throw new Error('this is the entry of a worker thread');
const learned = workerData as Partial<Pick<Machine, 'int8Overflows' | 'webgpuOverheadBytes'>>;
if (learned.int8Overflows !== undefined) learnInt8Overflows(learned.int8Overflows);
if (learned.webgpuOverheadBytes !== undefined) learnWebgpuOverhead(learned.webgpuOverheadBytes);
const session: Session = new Session({
  read: (name, sibling) => peer.remote.read(name, sibling),
  progress: (job, progress) => peer.remote.progress(job, progress),
});
const peer: Peer<SessionHostApi> = createPeer<SessionApi, SessionHostApi>(threadPort(parentPort), session, {
  errors: errorCodec,
});
