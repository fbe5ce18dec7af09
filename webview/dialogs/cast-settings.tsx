/** Floats of 16 bits: which, and what stays float32. */
import type { CastOptions } from '../../src/protocol.ts';
import { t } from '../l10n/index.ts';
import { Choice } from './choice.tsx';
import { More } from './more.tsx';
import { Select, type Named } from './select.tsx';
import { TextField } from './text-field.tsx';

const types: readonly Named<CastOptions['to']>[] = [{ value: 'float16' }, { value: 'bfloat16' }];

export interface CastSettingsProps {
  readonly options: CastOptions;
  readonly change: (options: CastOptions) => void;
}

export function CastSettings({ options, change }: CastSettingsProps) {
  return (
    <>
      <Select
        {...{ label: 'cast.to', hint: 'cast.to.hint', list: types, value: options.to }}
        onChange={(to) => change({ ...options, to })}
      />
      <p class="muted">{t('cast.float8')}</p>
      <Choice
        title={t('cast.io')}
        hint={t('cast.io.hint')}
        isChosen={!options.keepIo}
        onChoose={() => change({ ...options, keepIo: !options.keepIo })}
      />
      <More>
        <TextField
          {...{ label: 'cast.keepLayers', hint: 'cast.keepLayers.hint', value: options.keepFloat32 ?? '' }}
          onChange={(glob) => change({ ...options, keepFloat32: glob === '' ? undefined : glob })}
        />
        <TextField
          {...{ label: 'cast.keepOps', hint: 'cast.keepOps.hint', value: (options.keepOps ?? []).join(', ') }}
          onChange={(text) => {
            const ops = text.split(/[\s,]+/).filter((op) => op !== '');
            change({ ...options, keepOps: ops.length === 0 ? undefined : ops });
          }}
        />
      </More>
    </>
  );
}
