"""How the pages look: colours, type, cards."""

CARD = {
    "border": "1px solid color-mix(in srgb, var(--panel-on-surface-color, #888) 18%, transparent)",
    "border-radius": "10px",
    "padding": "8px",
}
FOLD = {"& .MuiCardHeader-root": {"padding": "4px 6px 4px 12px"}, "& .MuiCardContent-root": {"padding": "0 0 8px 0"}}
BAR = {
    "& .MuiAppBar-root": {
        "backgroundColor": "background.paper",
        "backgroundImage": "none",
        "color": "text.primary",
        "boxShadow": "none",
        "borderBottom": "1px solid",
        "borderColor": "divider",
        "& .MuiTypography-root": {"color": "text.primary", "fontSize": "1.15rem", "fontWeight": 500},
    },
    "& .MuiDrawer-paper": {"borderColor": "divider"},
}


def _theme(primary: str) -> dict:
    ring = {"&.Mui-focusVisible": {"outline": f"2px solid {primary}", "outlineOffset": "2px"}}  # a keyboard's place
    return {
        "palette": {"primary": {"main": primary}},
        "typography": {"fontFamily": "Roboto, system-ui, sans-serif"},
        "shape": {"borderRadius": 8},
        "components": {name: {"styleOverrides": {"root": ring}} for name in ("MuiButton", "MuiIconButton")},
    }


THEME = {"light": _theme("#0b57d0"), "dark": _theme("#8ab4f8")}
WIDE = {"sizing_mode": "stretch_width"}
SPAN = "clamp(236px, calc(100vh - 484px), 400px)"  # plots leave a low window its verdicts
LOW = f":host {{ height: {SPAN} !important; flex-basis: {SPAN} !important; }}"
TALL = {"max-height": "none"}  # as tall as it is, not as the window
