/** One command of the layers in a menu; where it cannot be done, its title says why. */
import type { LayerRow } from '../../../src/protocol.ts';
import { Icon } from '../../components/icon.tsx';
import { t } from '../../l10n/index.ts';
import type { LayerCommand } from './commands.ts';

interface Props {
  readonly command: LayerCommand;
  readonly rows: readonly LayerRow[];
  /** Closes the menu. */
  readonly close: () => void;
}

export function CommandItem({ command, rows, close }: Props) {
  const blocked = command.blocked(rows);
  return (
    <button
      type="button"
      role="menuitem"
      class="menu-item"
      disabled={blocked !== undefined}
      title={blocked ?? t(command.hint)}
      onClick={() => {
        close();
        command.run(rows);
      }}
    >
      <Icon name={command.icon} />
      <span>{t(command.title)}</span>
    </button>
  );
}
