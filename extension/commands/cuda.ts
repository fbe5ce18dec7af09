/** "Install CUDA Support…" and "Remove CUDA Support": ONNX Runtime's own GPU files, in the global storage. */
import { l10n, window, type QuickPickItem } from 'vscode';
import { formatBytes } from '../../src/format.ts';
import type { CudaInstallRequest } from '../../src/runtime/index.ts';
import type { Services } from '../services.ts';
import { settings } from '../settings.ts';
import type { Command } from './command.ts';
import { withRunProgress } from './run-progress.ts';

type Source = CudaInstallRequest['from'];

interface Choice extends QuickPickItem {
  readonly choose: () => Promise<Source | undefined>;
}

/** For other extensions and keybindings: `{ "file": "/path/x.nupkg", "sha512": "…" }` asks nothing. */
export const installCudaSupport: Command = {
  id: 'vramLens.installCuda',
  run: async (services, given) => {
    const from = givenFile(given) ?? (await askSource());
    if (from === undefined) return undefined;
    const { runner } = services;
    const { installCuda } = await import('../../src/runtime/index.ts');
    const installed = await withRunProgress(l10n.t('Installing CUDA support'), async (options) => {
      const done = await installCuda({ folder: runner.cudaFolder, ort: runner.ortFolder, from }, options);
      await runner.refresh();
      return done;
    });
    void window.showInformationMessage(
      l10n.t(
        'CUDA support of ONNX Runtime {0} is installed ({1}). CUDA 12 and cuDNN 9 have to be on this system.',
        installed.version,
        formatBytes(installed.bytes),
      ),
    );
    return installed;
  },
};

export const removeCudaSupport: Command = {
  id: 'vramLens.removeCuda',
  run: async ({ runner }: Services) => {
    const { removeCuda } = await import('../../src/runtime/index.ts');
    await runner.stop();
    await removeCuda(runner.cudaFolder);
    await runner.refresh();
    void window.showInformationMessage(l10n.t('CUDA support is removed.'));
  },
};

function givenFile(given: unknown): Source | undefined {
  if (typeof given !== 'object' || given === null || !('file' in given)) return undefined;
  const { file } = given;
  const sha512 = 'sha512' in given && typeof given.sha512 === 'string' ? given.sha512 : undefined;
  return typeof file === 'string' ? { file, sha512 } : undefined;
}

/** Says what is fetched and from where before anything is. */
async function askSource(): Promise<Source | undefined> {
  const feed = settings.cudaFeed;
  const choices: Choice[] = [
    {
      label: l10n.t('$(cloud-download) Download'),
      description: feed,
      detail: l10n.t('Microsoft.ML.OnnxRuntime.Gpu.Linux, some hundred MB; its checksum is compared'),
      choose: () => consent(feed),
    },
    {
      label: l10n.t('$(file-zip) From a file…'),
      detail: l10n.t('A .nupkg of that package that lies on this machine'),
      choose: pickPackage,
    },
  ];
  const chosen = await window.showQuickPick(choices, {
    title: l10n.t('Install the files that ONNX Runtime needs for CUDA and TensorRT'),
    placeHolder: l10n.t('For Linux on x64 with an NVIDIA GPU; CUDA 12 and cuDNN 9 are the system’s'),
  });
  return chosen?.choose();
}

async function consent(feed: string): Promise<Source | undefined> {
  const download = l10n.t('Download');
  const chosen = await window.showWarningMessage(
    l10n.t('Download ONNX Runtime’s CUDA files?'),
    {
      modal: true,
      detail: l10n.t(
        'They come from {0} and are put into the storage of VRAM Lens. They are native code of Microsoft that runs on this machine. “Remove CUDA Support” deletes them.',
        feed,
      ),
    },
    download,
  );
  return chosen === download ? { feed } : undefined;
}

async function pickPackage(): Promise<Source | undefined> {
  const chosen = await window.showOpenDialog({ filters: { NuGet: ['nupkg', 'zip'] } });
  const file = chosen?.[0]?.fsPath;
  if (file === undefined) return undefined;
  const sha512 = await window.showInputBox({
    title: l10n.t('SHA-512 of the file'),
    prompt: l10n.t('Base64 or hex, as the publisher tells it; empty: not compared'),
  });
  if (sha512 === undefined) return undefined;
  return sha512.trim() === '' ? { file } : { file, sha512: sha512.trim() };
}
