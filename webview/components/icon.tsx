/** Codicons, VS Code's own. */
export function Icon({ name }: { readonly name: string }) {
  return <span class={`codicon codicon-${name}`} aria-hidden="true" />;
}

export interface IconButtonProps {
  readonly icon: string;
  /** Name for screen readers, and the tooltip. */
  readonly label: string;
  readonly onClick: () => void;
  readonly isDisabled?: boolean;
  readonly isPressed?: boolean;
  readonly class?: string;
}

export function IconButton({ icon, label, onClick, isDisabled, isPressed, class: extra }: IconButtonProps) {
  return (
    <button
      type="button"
      class={`icon-button ${extra ?? ''}`}
      aria-label={label}
      title={label}
      disabled={isDisabled ?? false}
      aria-pressed={isPressed}
      onClick={onClick}
    >
      <Icon name={icon} />
    </button>
  );
}
